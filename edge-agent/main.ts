/**
 * Wires one validator: what every device stands on, its reader and its screen around the agent.
 */
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import type { Role } from '#platform/role.ts';
import { openDevice, openPcscReader } from './adapters/open-device.ts';
import { openNeighbours } from './adapters/open-neighbours.ts';
import { openScreenServer, type ScreenServer } from './adapters/screen-server.ts';
import { type Agent, createAgent } from './agent.ts';
import type { EdgeConfig } from './config.ts';
import type { CardReader, Press, Screen } from './ports.ts';
import type { RenewalOutcome } from './renewal.ts';

export interface EdgeDeps {
  readonly clock: Clock;
  readonly log: Logger;
  readonly probe?: Probe;
  /** A reader in this process; without it the PC/SC reader is used. */
  readonly reader?: CardReader;
}

export interface EdgeRole extends Role {
  readonly agent: Agent;
  readonly deviceId: string;
  /** Asks for a successor of the certificate now, without waiting for its time. */
  readonly renewNow: () => Promise<RenewalOutcome>;
  /** Address of the screen page, null when there is none. */
  readonly screenUrl: string | null;
}

/**
 * Starts one agent in its device folder. Resolves as soon as cards can be answered; the city may be away.
 * @throws OperatorError when the folder is in use, invalid, or its disk cannot be written.
 */
export async function startEdge(config: EdgeConfig, deps: EdgeDeps): Promise<EdgeRole> {
  const opened = await openDevice(config, deps);
  const { device, closers, log, startCare, renewNow, ...parts } = opened;
  try {
    let press: (key: Press) => void = () => {};
    const screen = await openScreen(config, (key) => press(key));
    closers.add(() => screen?.stop());
    const neighbours = await openNeighbours(config, device, parts.keeper, log);
    closers.add(() => neighbours?.stop());
    const agent = createAgent({
      ...parts,
      ...(neighbours && { neighbours: (heard) => neighbours.meet(heard) }),
      device,
      log,
      reader: deps.reader ?? (await openPcscReader(config, log, () => parts.keeper.nowMs())),
      screen: screen ?? NO_SCREEN,
      language: config.language ?? 'uk',
    });
    press = (key) => agent.press(key);
    closers.add(() => agent.stop());
    await agent.start();
    startCare();
    const { deviceId } = device;
    const stop = () => closers.close();
    return { name: `edge ${deviceId}`, agent, deviceId, renewNow, screenUrl: screen?.url ?? null, stop };
  } catch (error) {
    await closers.close();
    throw error;
  }
}

const NO_SCREEN: Screen = { show() {} };

async function openScreen(
  { screenPort, debtPage }: EdgeConfig,
  onPress: (press: Press) => void,
): Promise<ScreenServer | undefined> {
  if (screenPort === undefined || screenPort === null) return undefined;
  return openScreenServer(screenPort, onPress, debtPage);
}
