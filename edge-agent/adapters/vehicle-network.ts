/** An inspector's way to the validators of vehicles: where its network is configured and it has the inspection key. */
import { randomBytes } from 'node:crypto';
import { vehicleKeysOf } from '#contracts/vehicle-key.ts';
import type { Logger } from '#platform/logger.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { EdgeConfig } from '../config.ts';
import { createAskVehicle } from '../inspect/ask-vehicle.ts';
import type { AskVehicle } from '../inspect/inspector.ts';
import { liveKeys } from '../neighbours/network-keys.ts';
import { INSPECTION_KEYS, invalid, readNetworkKeys } from './folder-parts.ts';
import { openNeighbourSocket } from './neighbour-socket.ts';
import { realTimers } from './timers.ts';

export interface VehicleNetwork {
  readonly ask: AskVehicle;
  stop(): Promise<void>;
}

/**
 * Opens it. Undefined: this device can ask nobody, and judges by cards' own logs alone.
 * @throws OperatorError PORT_IN_USE, DEVICE_FOLDER_INVALID.
 */
export async function openVehicleNetwork(
  { deviceDir, neighbours }: EdgeConfig,
  deviceId: string,
  keeper: Pick<Timekeeper, 'runId' | 'nowMs' | 'state'>,
  log: Logger,
): Promise<VehicleNetwork | undefined> {
  if (neighbours === undefined) return undefined;
  const problems: string[] = [];
  const inspectionKeys = readNetworkKeys(deviceDir, INSPECTION_KEYS, problems);
  if (problems.length > 0) throw invalid(deviceDir, problems);
  if (inspectionKeys === undefined) {
    log.warn('inspect.no-inspection-key');
    return undefined;
  }
  const socket = await openNeighbourSocket(neighbours.own, neighbours.peers, log);
  const ask = createAskVehicle({
    deviceId,
    boot: keeper.runId,
    nowMs: () => keeper.nowMs(),
    keys: (vehicleId) =>
      liveKeys(
        vehicleKeysOf(inspectionKeys, vehicleId),
        keeper.state().syncAgeMs === null ? null : keeper.nowMs(),
      ),
    timers: realTimers,
    random: randomBytes,
    send: (datagram) => socket.send(datagram),
    onDatagram: (take) => socket.onDatagram(take),
  });
  return { ask, stop: () => socket.stop() };
}
