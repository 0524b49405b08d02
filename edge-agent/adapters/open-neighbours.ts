/** The vehicle's own network, where it is configured and the device has the vehicle's key. */
import { randomBytes } from 'node:crypto';
import type { Logger } from '#platform/logger.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { EdgeConfig } from '../config.ts';
import { liveKeys } from '../neighbours/network-keys.ts';
import { createPeers, type Peers, type PeersDeps } from '../neighbours/peers.ts';
import type { Device } from '../ports.ts';
import { openNeighbourSocket } from './neighbour-socket.ts';
import { realTimers } from './timers.ts';

export interface Neighbours {
  /** Begins to listen; what is heard goes to these. */
  meet(heard: Pick<PeersDeps, 'onRide' | 'onMet' | 'answer'>): Peers;
  stop(): Promise<void>;
}

/** How often a device says that it is there, real milliseconds. */
const HELLO_EVERY_MS = 60_000;

/** `keeper` names this run and tells the city's time. Undefined: it talks to nobody. @throws OperatorError PORT_IN_USE. */
export async function openNeighbours(
  { neighbours }: EdgeConfig,
  { deviceId, vehicleKeys }: Pick<Device, 'deviceId' | 'vehicleKeys'>,
  keeper: Pick<Timekeeper, 'runId' | 'nowMs' | 'state'>,
  log: Logger,
): Promise<Neighbours | undefined> {
  if (neighbours === undefined) return undefined;
  if (vehicleKeys === undefined) {
    log.warn('edge.neighbours.no-vehicle-key');
    return undefined;
  }
  const { own, peers } = neighbours;
  const socket = await openNeighbourSocket(own, peers, log);
  const keys = () => liveKeys(vehicleKeys, keeper.state().syncAgeMs === null ? null : keeper.nowMs());
  let cancel = () => {};
  return {
    meet(heard) {
      const nowMs = () => realTimers.nowMs();
      const { send } = socket;
      const { runId: boot } = keeper;
      const doors = createPeers({ deviceId, boot, keys, random: randomBytes, nowMs, send, ...heard });
      socket.onDatagram((datagram, source) => doors.receive(datagram, source));
      const greet = () => {
        doors.hello();
        cancel = realTimers.after(HELLO_EVERY_MS, greet);
      };
      greet();
      return doors;
    },
    stop: () => {
      cancel();
      return socket.stop();
    },
  };
}
