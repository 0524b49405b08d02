/** Wires an inspector's device: what every device stands on, the vehicle's network, the page. */
import { randomBytes } from 'node:crypto';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { openInspectorServer } from '../adapters/inspector-server.ts';
import { openDevice, openPcscReader } from '../adapters/open-device.ts';
import { openVehicleNetwork } from '../adapters/vehicle-network.ts';
import { createCityTies } from '../city-ties.ts';
import type { EdgeConfig } from '../config.ts';
import type { CardReader } from '../ports.ts';
import { type AskVehicle, createInspector, type Inspector } from './inspector.ts';

export interface InspectorConfig extends EdgeConfig {
  /** Staff for whom the shift is open from the start; otherwise a service card opens it. */
  readonly staffId?: string;
  readonly vehicleId?: string;
  readonly routeId?: string;
}

export interface InspectorDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe?: Probe;
  /** A reader in this process; without it the PC/SC reader is used. */
  readonly reader?: CardReader;
}

export interface InspectorRole extends Role {
  readonly inspector: Inspector;
  readonly deviceId: string;
  /** Zone in which times are shown. */
  readonly zone: string;
  /** Address of the page, null when there is none. */
  readonly screenUrl: string | null;
}

const UTC = 'UTC';
const NOBODY: AskVehicle = async () => ({ validators: [], silent: [] });

/**
 * Starts an inspector's device. Resolves as soon as cards can be checked; the city may be away.
 * @throws OperatorError when the folder is in use, invalid, or its disk cannot be written.
 */
export async function startInspector(config: InspectorConfig, deps: InspectorDeps): Promise<InspectorRole> {
  const opened = await openDevice(config, deps);
  const { device, closers, keeper, log, startCare } = opened;
  try {
    const { screenPort = null, staffId, vehicleId, routeId } = config;
    const zone = device.policy.zone ?? UTC;
    const page = screenPort === null ? undefined : await openInspectorServer(screenPort, zone);
    closers.add(() => page?.stop());
    const reader = deps.reader ?? (await openPcscReader(config, log, () => keeper.nowMs()));
    const { deviceId } = device;
    const network = await openVehicleNetwork(config, deviceId, keeper, log);
    closers.add(() => network?.stop());
    const ties = createCityTies({
      ...opened,
      reader,
      counters: () => inspector.counters(),
      place: () => inspector.place(),
      onChanged: () => inspector.refresh(),
    });
    const inspector: Inspector = createInspector({
      ...opened,
      reader,
      ties,
      ask: network?.ask ?? NOBODY,
      screen: page ?? { show: () => {} },
      random: randomBytes,
      ...(staffId !== undefined && { staffId }),
    });
    if (vehicleId !== undefined) inspector.chooseVehicle(vehicleId, routeId);
    page?.obey({
      chooseVehicle: (id) => inspector.chooseVehicle(id),
      // What goes wrong is on the page and in the log already.
      checkWithoutCard: () => void inspector.checkWithoutCard().catch(() => {}),
      closeShift: () => inspector.closeShift(),
    });
    closers.add(() => inspector.stop());
    await inspector.start();
    if (!device.policy.inspection) log.warn('inspect.no-rules: no tariff says what may be asked');
    startCare();
    return {
      name: `inspector ${deviceId}`,
      inspector,
      deviceId,
      zone,
      screenUrl: page?.url ?? null,
      stop: () => closers.close(),
    };
  } catch (error) {
    await closers.close();
    throw error;
  }
}
