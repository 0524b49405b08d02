/** Wires an issuing station: what every device stands on, and a reader whose process writes cards. */
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { openDevice } from '../adapters/open-device.ts';
import { createCityTies } from '../city-ties.ts';
import type { EdgeConfig } from '../config.ts';
import type { OrderBook } from './order-book.ts';
import type { IssuingReader } from './orders.ts';
import { createStation, type Station, type StationEvent, type StationMode } from './station.ts';

export interface StationConfig extends EdgeConfig {
  readonly mode: StationMode;
  readonly staffId: string;
  readonly book: OrderBook;
  readonly onEvent: (event: StationEvent) => void;
}

export interface StationDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe?: Probe;
  /** A reader in this process; without it the PC/SC reader is used. */
  readonly reader?: IssuingReader;
}

export interface StationRole extends Role {
  readonly station: Station;
  readonly deviceId: string;
  /** Cards that were begun before and wait to be held to the reader again. */
  begun(): Promise<number>;
}

/**
 * Starts a station. Resolves as soon as cards are taken; the city may be away.
 * @throws OperatorError when the folder is in use, invalid, or its disk cannot be written.
 */
export async function startStation(config: StationConfig, deps: StationDeps): Promise<StationRole> {
  const opened = await openDevice(config, deps);
  const { device, closers, log, keeper, startCare } = opened;
  try {
    const reader = deps.reader ?? (await openPcscReader(config, log, () => keeper.nowMs()));
    const counters = { accepted: 0, refused: 0, latencyMsMax: 0 };
    const ties = createCityTies({
      ...opened,
      reader,
      counters: () => counters,
      place: () => ({ where: {} }),
      onChanged: () => {},
    });
    const station = createStation({
      ...opened,
      reader,
      ties,
      book: config.book,
      mode: config.mode,
      staffId: config.staffId,
      onEvent: (event) => {
        if (event.event === 'refused' || event.event === 'torn') counters.refused++;
        else if (event.event !== 'step') counters.accepted++;
        config.onEvent(event);
      },
    });
    closers.add(() => station.stop());
    await station.start();
    startCare();
    const { deviceId } = device;
    const begun = async () => (await reader.begun()).length;
    return { name: `station ${deviceId}`, station, deviceId, begun, stop: () => closers.close() };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

async function openPcscReader(config: EdgeConfig, log: Logger, nowMs: () => number): Promise<IssuingReader> {
  const { createPcscIssuingReader } = await import('../adapters/pcsc-issuing-reader.ts');
  return createPcscIssuingReader({
    deviceDir: config.deviceDir,
    log,
    nowMs,
    ...(config.readerName !== undefined && { readerName: config.readerName }),
  });
}
