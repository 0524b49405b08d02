/** A whole validator restarted within one boot, and after a power loss, while the city is away. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import { type EdgeRole, startEdge } from '../../edge-agent/main.ts';
import { type ManualClock, manualClock } from '../support/manual-clock.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { createTestCity, type EnrolledFolder, enrol, type TestCity } from './support/edge-city.ts';
import { startTestIngest } from './support/test-ingest.ts';

let city: TestCity;
let folder: ReturnType<typeof tempFolder>;
let device: EnrolledFolder;
const running: EdgeRole[] = [];
beforeEach(() => {
  city = createTestCity();
  folder = tempFolder('restart-sync');
  device = enrol(folder.path, city);
});
afterEach(async () => {
  for (const edge of running.splice(0)) await edge.stop();
  folder.remove();
});

async function start(clock: ManualClock, bootId: string, mqttUrl: string): Promise<EdgeRole> {
  const log = createLogger({ component: 'edge', level: 'silent' });
  const reader = createInProcessCardReader(device.dir);
  const edge = await startEdge(
    { deviceDir: device.dir, mqttUrl },
    { clock: { ...clock, bootId }, log, reader },
  );
  running.push(edge);
  return edge;
}

it('a restart keeps the sync; a power loss keeps it as a bound', async () => {
  const ingest = await startTestIngest(city);
  const clock = manualClock();
  const trueMs = clock.nowMs() - 150_000;
  ingest.more = () => ({ issuedAtMs: trueMs });
  const first = await start(clock, 'a'.repeat(32), ingest.url);
  await until(() => first.agent.health().clock.syncAgeMs !== null);
  await first.stop();
  await ingest.stop();
  clock.advance(60_000);
  const again = await start(clock, 'a'.repeat(32), ingest.url);
  expect(again.agent.health()).toMatchObject({
    atMs: trueMs + 60_000,
    clock: { syncAgeMs: 60_000, offsetMs: -150_000 },
  });
  await again.stop();
  const later = await start(manualClock(0), 'b'.repeat(32), ingest.url);
  const { atMs, clock: state } = later.agent.health();
  expect(state).toEqual({ syncAgeMs: null, offsetMs: null });
  expect(atMs).toBeGreaterThanOrEqual(trueMs);
});
