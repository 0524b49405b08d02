/** The vehicle's own network, where it is configured and the device has the vehicle's key. */
import { randomBytes } from 'node:crypto';
import type { Logger } from '#platform/logger.ts';
import type { EdgeConfig } from '../config.ts';
import { createPeers, type Peers, type PeersDeps } from '../neighbours/peers.ts';
import type { Device } from '../ports.ts';
import { openNeighbourSocket } from './neighbour-socket.ts';
import { realTimers } from './timers.ts';

export interface Neighbours {
  /** Begins to listen; what is heard goes to these. */
  meet(heard: Pick<PeersDeps, 'onRide' | 'answer'>): Peers;
  stop(): Promise<void>;
}

/** `boot` names this run. Undefined: this device talks to nobody. @throws OperatorError PORT_IN_USE. */
export async function openNeighbours(
  { neighbours }: EdgeConfig,
  { deviceId, vehicleKey: key }: Pick<Device, 'deviceId' | 'vehicleKey'>,
  boot: string,
  log: Logger,
): Promise<Neighbours | undefined> {
  if (neighbours === undefined) return undefined;
  if (key === undefined) {
    log.warn('edge.neighbours.no-vehicle-key');
    return undefined;
  }
  const { own, peers } = neighbours;
  const socket = await openNeighbourSocket(own, peers, log);
  return {
    meet(heard) {
      const nowMs = () => realTimers.nowMs();
      const { send } = socket;
      const doors = createPeers({ deviceId, boot, key, random: randomBytes, nowMs, send, ...heard });
      socket.onDatagram((datagram) => doors.receive(datagram));
      return doors;
    },
    stop: () => socket.stop(),
  };
}
