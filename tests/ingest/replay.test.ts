/** Records of a kind that became known later: taken in once, by a command of the office, as if they had just come. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as audit from '../../cli/commands/audit.ts';
import { runCommand } from '../support/command-io.ts';
import { until } from '../support/until.ts';
import { type City, recordsOf, startCity, type TestDevice } from './harness.ts';
import { createJournal, forkAt, type Journal, NOW_MS } from './journal.ts';

let city: City;
let journal: Journal;
let device: TestDevice;

beforeAll(async () => {
  city = await startCity(['val-1']);
  await city.startIngest({ limits: { registryEveryMs: 50, linkEveryMs: 50 } });
  journal = createJournal('val-1');
  journal.addTaps(5);
  journal.add((record) => ({ ...record, kind: 'cash-sale' }));
  await city.register(journal);
  device = await city.connectDevice(journal);
});
afterAll(() => city?.stop());

/** Puts a record of this journal aside as an older ingest did, which did not know its kind. */
async function putAside(of: Journal, seq: number, receivedAtMs = NOW_MS): Promise<void> {
  await city.query(
    `INSERT INTO ingest.quarantine (device_id, epoch, seq, reason, detail, hash, payload, authentic, received_at_ms)
     VALUES ($1, $2, $3, 'INGEST_UNSUPPORTED_KIND', '', decode($4, 'hex'), $5, true, $6)`,
    [of.deviceId, of.epoch, seq, of.hash(seq), of.records[seq - 1], receivedAtMs],
  );
}
const run = (role: 'auditor_runtime' | 'office_runtime', ...args: string[]) =>
  runCommand(audit, ['quarantine', ...args], '', '/', { KVYTOK_POSTGRES_URL: city.database.url(role) });

it('what this version knows is taken in once with the time it came, what it does not know stays', async () => {
  await device.offer(journal.batch(1, 2), 2);
  await device.offer(journal.batch(5, 7), 7);
  await putAside(journal, 3, NOW_MS - 5000);
  await putAside(journal, 4);
  // A copy of the journal had another record of that kind under a number that is taken.
  const copy = forkAt(journal, 5, 1);
  await putAside(copy, 5);
  const first = await run('office_runtime', 'replay', '--who', 'a tester');
  expect(JSON.parse(first.stdout)).toMatchObject({ looked: 4, taken: 3, leftWaiting: 1 });
  const again = await run('office_runtime', 'replay');
  expect(JSON.parse(again.stdout)).toMatchObject({ looked: 1, taken: 0, leftWaiting: 1 });
  await device.offer(journal.batch(1, 7), 7);
  const { records, inbox } = await recordsOf(city, 'val-1');
  expect(records).toEqual(journal.records.slice(0, 6).map(String));
  expect(inbox.toSorted()).toEqual([...records, String(copy.records[4])].toSorted());
  const came = await city.query('SELECT received_at_ms FROM fare.record_inbox WHERE seq = 3');
  expect(came).toEqual([{ received_at_ms: String(NOW_MS - 5000) }]);
  const row = await until(async () => {
    const [found] = await city.query('SELECT gaps, unlinked, records FROM ingest.published_device');
    return found?.['gaps'] === '1' || found?.['unlinked'] !== '0' ? undefined : found;
  });
  expect(row).toMatchObject({ unlinked: '0', records: '7' });
});

it('the list says by reason what became of each, and one item is shown with its bytes', async () => {
  const listed = JSON.parse((await run('auditor_runtime', 'list')).stdout);
  expect(listed.sums).toEqual([
    { reason: 'INGEST_CONFLICT', outcome: 'branch', items: 1 },
    { reason: 'INGEST_UNSUPPORTED_KIND', outcome: 'accepted', items: 2 },
    { reason: 'INGEST_UNSUPPORTED_KIND', outcome: 'branch', items: 1 },
    { reason: 'INGEST_UNSUPPORTED_KIND', outcome: 'waiting', items: 1 },
  ]);
  const waiting = JSON.parse((await run('auditor_runtime', 'list', '--waiting')).stdout);
  expect(waiting.newest).toMatchObject([{ seq: 7, outcome: 'waiting', takenAs: null }]);
  const shown = JSON.parse((await run('auditor_runtime', 'show', String(waiting.newest[0].id))).stdout);
  expect(shown.record).toBe(String(journal.records[6]));
  expect(await run('auditor_runtime', 'show', '999999')).toMatchObject({ code: 1 });
});

it('the auditor cannot ask for a replay, and the office cannot read the bytes', async () => {
  await expect(run('auditor_runtime', 'replay')).rejects.toMatchObject({ code: '42501' });
  await expect(run('office_runtime', 'show', '1')).rejects.toMatchObject({ code: '42501' });
});

it.each([[], ['list', 'x'], ['show'], ['show', '0x1'], ['replay', '1'], ['forget']])(
  'is told how to be called after %j',
  async (...words) => {
    await expect(run('auditor_runtime', ...words)).rejects.toThrow(/quarantine|number/);
  },
);
