/** An inspector beside the real validators of a vehicle, on a real network of this machine, with no city in reach. */
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { firstInspectionKeys, networkKeysText, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { createLogger } from '#platform/logger.ts';
import { createInProcessCardReader } from '../../../edge-agent/adapters/in-process-card-reader.ts';
import { startInspector } from '../../../edge-agent/inspect/main.ts';
import type { InspectorView } from '../../../edge-agent/inspect/view.ts';
import { type EdgeRole, startEdge } from '../../../edge-agent/main.ts';
import { freeUdpPort } from '../../support/free-udp-port.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { cardOf, createTestCity, enrol } from '../support/edge-city.ts';

const city = createTestCity();
const inspectionKeys = firstInspectionKeys(randomBytes(32));
const log = createLogger({ component: 'edge', level: 'silent' });
const address = (port: number) => ({ host: '127.0.0.1', port });
const RULE = { validFromMs: 0, validUntilMs: null, rideWindowS: 60 };
const PENALTY = {
  fareMinor: '1200',
  factor: 20,
  penaltyMinor: '24000',
  currency: 'UAH',
  act: 'kupap',
  actNames: { uk: 'КУпАП', en: 'a', de: 'b', pl: 'c' },
  article: 'ст. 135',
  packageHash: 'ab'.repeat(32),
};
let clock: ReturnType<typeof manualClock>;
let folder: ReturnType<typeof tempFolder>;
const stops: (() => Promise<void>)[] = [];
beforeEach(() => {
  clock = manualClock();
  folder = tempFolder('vehicle');
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  folder.remove();
});

async function validator(id: string, own: number, peers: number[]) {
  const dir = join(folder.path, id);
  enrol(dir, city, { deviceId: id });
  writeFileSync(join(dir, 'vehicle-keys.json'), networkKeysText(vehicleKeysOf(inspectionKeys, 'bus-12')));
  const reader = createInProcessCardReader(dir);
  const neighbours = { own: address(own), peers: peers.map(address) };
  const edge: EdgeRole = await startEdge({ deviceDir: dir, neighbours }, { clock, log, reader });
  stops.push(() => edge.stop());
  return { edge, touch: (number: number) => reader.present(cardOf(city, number)) };
}

async function inspector(own: number, peers: number[]) {
  const dir = join(folder.path, 'insp-1');
  enrol(dir, city, { deviceId: 'insp-1' });
  const file = JSON.parse(readFileSync(join(dir, 'device.json'), 'utf8'));
  file.policy.inspection = [{ ...RULE, penalty: PENALTY }];
  writeFileSync(join(dir, 'device.json'), JSON.stringify(file));
  writeFileSync(join(dir, 'inspection-keys.json'), networkKeysText(inspectionKeys));
  const reader = createInProcessCardReader(dir);
  const neighbours = { own: address(own), peers: peers.map(address) };
  const role = await startInspector(
    { deviceDir: dir, neighbours, staffId: '4711', vehicleId: 'bus-12' },
    { clock, log, reader },
  );
  stops.push(() => role.stop());
  let shown: InspectorView | undefined;
  role.inspector.onCheck((view) => {
    shown = view;
  });
  return {
    role,
    async touch(number: number) {
      await reader.present(cardOf(city, number));
      return shown as InspectorView;
    },
    /** Holds the card again, as an inspector does, where the vehicle did not answer in time: it has 0.4 s. */
    async untilStands(number: number) {
      return until(async () => {
        const view = await this.touch(number);
        return view.sign === 'ride-stands' ? view : undefined;
      });
    },
  };
}

it('a ride at either door stands; validators that have just started leave doubt; another vehicle is not heard', async () => {
  const [a, b, c] = [await freeUdpPort(), await freeUdpPort(), await freeUdpPort()];
  const front = await validator('val-1', a, [b, c]);
  const rear = await validator('val-2', b, [a, c]);
  await front.touch(1);
  await rear.touch(2);
  const checks = await inspector(c, [a, b]);
  for (const card of [1, 2]) {
    const view = await checks.untilStands(card);
    expect(view).toMatchObject({ sign: 'ride-stands', evidence: 'vehicle' });
    expect(view.protocol).toBeUndefined();
  }
  // Both remember less than the window: whether they worked a minute ago nobody knows.
  expect(await checks.touch(3)).toMatchObject({
    sign: 'validator-out-of-order',
    outOfOrder: expect.arrayContaining(['val-1', 'val-2']),
  });
  checks.role.inspector.chooseVehicle('bus-13');
  expect(await checks.touch(1)).toMatchObject({ sign: 'unclear' });
});

it('a validator that is gone is a doubt for everybody, but not for whose ride another one knows', async () => {
  const [a, b, c] = [await freeUdpPort(), await freeUdpPort(), await freeUdpPort()];
  const front = await validator('val-1', a, [b, c]);
  const rear = await validator('val-2', b, [a, c]);
  await front.touch(1);
  const checks = await inspector(c, [a, b]);
  await checks.untilStands(1);
  await rear.edge.stop();
  await checks.untilStands(1);
  expect(await checks.touch(3)).toMatchObject({
    sign: 'validator-out-of-order',
    outOfOrder: expect.arrayContaining(['val-2']),
  });
});

it('a validator that was dead before the inspector boarded is a doubt; who rode at its door is known at the other', async () => {
  const [a, b, c] = [await freeUdpPort(), await freeUdpPort(), await freeUdpPort()];
  const front = await validator('val-1', a, [b, c]);
  const rear = await validator('val-2', b, [a, c]);
  await rear.touch(2);
  let [spare, spokeAtMs] = [1000, performance.now()];
  await until(async () => {
    if (front.edge.agent.counters().ridesHeard > 0) return true;
    if (performance.now() - spokeAtMs < 3000) return false;
    // Who did not prove in time to be there is asked again when it says something more.
    spokeAtMs = performance.now();
    await rear.touch(spare++);
    return false;
  });
  await rear.edge.stop();
  const checks = await inspector(c, [a, b]);
  expect(await checks.untilStands(2)).toMatchObject({ sign: 'ride-stands', evidence: 'vehicle' });
  const doubt = { sign: 'validator-out-of-order', outOfOrder: expect.arrayContaining(['val-2']) };
  expect(await checks.touch(3)).toMatchObject(doubt);
  // The one that lives is switched off and on: it has not forgotten the other.
  await front.edge.stop();
  await validator('val-1', a, [b, c]);
  checks.role.inspector.chooseVehicle('bus-13');
  await checks.touch(3);
  checks.role.inspector.chooseVehicle('bus-12');
  expect(await checks.touch(3)).toMatchObject(doubt);
});
