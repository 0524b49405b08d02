/** A vehicle with two validators and an inspector in it, on a real network of this machine, with no city in reach. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { join } from 'node:path';
import type { InspectionRule } from '#contracts/enrolment.ts';
import { networkKeysText } from '#contracts/vehicle-key.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { Clock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { INSPECTION_KEYS } from '../../edge-agent/adapters/folder-parts.ts';
import {
  createInProcessCardReader,
  type InProcessCardReader,
} from '../../edge-agent/adapters/in-process-card-reader.ts';
import { startInspector } from '../../edge-agent/inspect/main.ts';
import type { InspectorView } from '../../edge-agent/inspect/view.ts';
import { startEdge } from '../../edge-agent/main.ts';
import type { VirtualCard } from '../../simulators/cards/virtual-card.ts';
import { type CityKeys, openCityKeys } from '../city/city-keys.ts';
import { enrolDevice } from '../city/enrol-devices.ts';

const VEHICLE = 'bench-vehicle';
/** Nothing listens there: the network of the city is down. */
const NO_BROKER = 'mqtt://127.0.0.1:9';
const RULE: InspectionRule = { validFromMs: 0, validUntilMs: null, rideWindowS: 5400 };
const clock: Clock = { nowMs: () => Date.now(), monotonicMs: () => performance.now() };

export interface InspectionRig {
  readonly keys: CityKeys;
  /** Lets a card ride at one of the validators. */
  ride(card: VirtualCard, door: 0 | 1): Promise<void>;
  /** Holds a card to the inspector's device; gives its answer and how long that took, milliseconds. */
  check(card: VirtualCard): Promise<{ readonly view: InspectorView; readonly tookMs: number }>;
  stop(): Promise<void>;
}

/** Starts them. */
export async function openInspectionRig(folder: string): Promise<InspectionRig> {
  const keys = openCityKeys(join(folder, 'secrets'));
  const ports = [await freeUdpPort(), await freeUdpPort(), await freeUdpPort()] as const;
  const network = (own: number) => ({
    own: address(ports[own] as number),
    peers: ports.filter((_, at) => at !== own).map(address),
  });
  const enrolled = (deviceId: string, vehicleId?: string) => {
    const policy = {
      passBackS: 120,
      mediumKinds: ['social', 'wallet'] as const,
      journalRecordsMax: 100_000,
      inspection: [RULE],
    };
    const order = { keys, policy, mqttUrl: NO_BROKER };
    return enrolDevice(join(folder, 'devices'), { deviceId, vehicleId }, order).folder;
  };
  const stops: (() => Promise<void>)[] = [];
  const log = createLogger({ component: 'bench-edge', level: 'error' });
  const doors: InProcessCardReader[] = [];
  for (const at of [0, 1] as const) {
    const deviceDir = enrolled(`bench-door-${at + 1}`, VEHICLE);
    const reader = createInProcessCardReader(deviceDir);
    const edge = await startEdge({ deviceDir, neighbours: network(at) }, { clock, log, reader });
    stops.push(() => edge.stop());
    doors.push(reader);
  }
  const deviceDir = enrolled('bench-inspector');
  writeFileAtomic(join(deviceDir, INSPECTION_KEYS), networkKeysText(keys.inspectionKeys));
  const reader = createInProcessCardReader(deviceDir);
  const { inspector, ...role } = await startInspector(
    { deviceDir, neighbours: network(2), staffId: 'bench', vehicleId: VEHICLE },
    { clock, log, reader },
  );
  stops.push(() => role.stop());
  let answered: { readonly view: InspectorView; readonly atMs: number } | undefined;
  inspector.onCheck((view) => {
    answered = { view, atMs: performance.now() };
  });
  return {
    keys,
    ride: async (card, door) => doors[door]?.present(card),
    async check(card) {
      answered = undefined;
      const began = performance.now();
      await reader.present(card);
      const { view, atMs } = answered ?? never();
      return { view, tookMs: atMs - began };
    },
    async stop() {
      for (const stop of stops.splice(0).reverse()) await stop();
    },
  };
}

function never(): never {
  throw new Error('the inspector gave no answer');
}

const address = (port: number) => ({ host: '127.0.0.1', port });

async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  const closed = once(socket, 'close');
  socket.close();
  await closed;
  return port;
}
