/** An inspector's way to the validators of vehicles: where its network is configured and it has the inspection key. */
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from '#platform/logger.ts';
import type { EdgeConfig } from '../config.ts';
import { createAskVehicle } from '../inspect/ask-vehicle.ts';
import type { AskVehicle } from '../inspect/inspector.ts';
import { invalid, parseText, readPart } from './folder-parts.ts';
import { openNeighbourSocket } from './neighbour-socket.ts';
import { realTimers } from './timers.ts';

const KEY_FILE = 'inspection-key';

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
  device: { readonly deviceId: string; readonly boot: string; readonly nowMs: () => number },
  log: Logger,
): Promise<VehicleNetwork | undefined> {
  if (neighbours === undefined) return undefined;
  const problems: string[] = [];
  const key = existsSync(join(deviceDir, KEY_FILE))
    ? parseText(readPart(deviceDir, KEY_FILE, problems), /^[0-9a-f]{64}$/, KEY_FILE, problems)
    : undefined;
  if (problems.length > 0) throw invalid(deviceDir, problems);
  if (key === undefined) {
    log.warn('inspect.no-inspection-key');
    return undefined;
  }
  const socket = await openNeighbourSocket(neighbours.own, neighbours.peers, log);
  const ask = createAskVehicle({
    ...device,
    inspectionKey: Buffer.from(key, 'hex'),
    timers: realTimers,
    random: randomBytes,
    send: (datagram) => socket.send(datagram),
    onDatagram: (take) => socket.onDatagram(take),
  });
  return { ask, stop: () => socket.stop() };
}
