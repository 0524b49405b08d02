/** Findings and reviews as facts on a real database. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Finding, findingId, NOBODY } from '../../../fare-engine/anomalies/finding.ts';
import { tapRow } from '../support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';
import { command } from '../support/submit.ts';

const AT_MS = Date.UTC(2025, 9, 14, 6);
let engine: EngineDatabase;
let tapIds: string[];
beforeAll(async () => {
  engine = await openEngineDatabase();
  await engine.deliver([1, 2].map((seq) => tapRow({ seq, atMs: AT_MS + seq * 600_000 })));
  await engine.drain();
  const { rows } = await engine.admin.query('SELECT tap_id FROM fare.tap ORDER BY tap_id');
  tapIds = rows.map((row) => row.tap_id);
});
afterAll(() => engine.close());

const found = (changes: Partial<Finding> = {}): Finding => ({
  ...NOBODY,
  ruleId: 'impossible-speed',
  paramsSha256: 'ab'.repeat(32),
  fromDay: '2025-10-14',
  untilDay: '2025-10-15',
  tapIds,
  taps: 2,
  severity: 'medium',
  scorePermille: 1500,
  evidence: { speedKmh: 150, speedKmhMax: 100 },
  ...changes,
});
const record = (finding: Finding, id = findingId(finding)) =>
  command(engine, 'record-anomaly', { ...finding, findingId: id, by: 'Auditor' });
const view = async () =>
  (
    await engine.admin.query(
      'SELECT finding_id, rule_id, tap_id, fare_day::text, verdict, evidence FROM fare.published_anomaly ORDER BY rule_id, tap_id',
    )
  ).rows;
const refusals = async () =>
  (await engine.admin.query('SELECT reason FROM fare.command_refusal ORDER BY refusal_id')).rows.map(
    (row) => row.reason,
  );

test('a finding is kept once with its taps and an audit leaf, moves no money, and waits for a person', async () => {
  const before = await engine.admin.query(
    'SELECT FROM fare.posting UNION ALL SELECT FROM fare.account_day_queue',
  );
  await record(found());
  await record(found());
  expect(await view()).toEqual(
    tapIds.map((tap_id) => ({
      finding_id: findingId(found()),
      rule_id: 'impossible-speed',
      tap_id,
      fare_day: '2025-10-14',
      verdict: 'open',
      evidence: { speedKmh: 150, speedKmhMax: 100 },
    })),
  );
  const leaves = await engine.admin.query(
    "SELECT bytes FROM fare.audit_leaf WHERE bytes LIKE '%record-anomaly%'",
  );
  // Who says it again is on the record too.
  expect(leaves.rowCount).toBe(2);
  expect(await refusals()).toEqual([]);
  const after = await engine.admin.query(
    'SELECT FROM fare.posting UNION ALL SELECT FROM fare.account_day_queue',
  );
  expect(after.rowCount).toBe(before.rowCount);
});

test('of findings about the same the one known last stands; one without taps has a row of its own', async () => {
  const newer = found({ evidence: { speedKmh: 120, speedKmhMax: 100 }, scorePermille: 1200 });
  await record(newer);
  const silent = found({ ruleId: 'silent-validator', tapIds: [], taps: 0, deviceId: 'val-9' });
  await record(silent);
  const rows = await view();
  expect(rows.map((row) => [row.finding_id, row.tap_id])).toEqual([
    ...tapIds.map((id) => [findingId(newer), id]),
    [findingId(silent), null],
  ]);
});

test('a person confirms or dismisses, the latest word stands, and an unknown finding is refused', async () => {
  const id = (await view())[0].finding_id;
  const review = (findingIdSaid: string, verdict: string) =>
    command(engine, 'review-anomaly', {
      findingId: findingIdSaid,
      verdict,
      reason: 'seen the video',
      by: 'O. Hnat',
    });
  await review(id, 'confirmed');
  expect((await view())[0].verdict).toBe('confirmed');
  await review(id, 'dismissed');
  expect((await view())[0].verdict).toBe('dismissed');
  await review(`an-${'0'.repeat(32)}`, 'confirmed');
  expect(await refusals()).toEqual(['ANOMALY_UNKNOWN']);
});

test.each([
  ['an id that is not the hash of what it says', {}, `an-${'1'.repeat(32)}`],
  ['days that are no dates', { untilDay: '2025-02-31', fromDay: '2025-02-30' }, null],
  ['an empty period', { untilDay: '2025-10-14' }, null],
  ['more taps named than counted', { taps: 1 }, null],
  ['an evidence with a word in it', { evidence: { name: 'x' as never } }, null],
])('%s is refused', async (_name, changes, id) => {
  const before = (await refusals()).length;
  await record(found(changes), id ?? findingId(found(changes)));
  expect((await refusals()).slice(before)).toEqual(['COMMAND_MALFORMED']);
});

test('why a right ended is kept with its end', async () => {
  await command(engine, 'grant-entitlement', {
    entitlementId: 'e-1',
    accountId: 'p-1',
    concessionId: 'pensioner',
    validFromMs: 0,
  });
  await command(engine, 'revoke-entitlement', { entitlementId: 'e-1', validUntilMs: AT_MS, reason: 'death' });
  const { rows } = await engine.admin.query('SELECT reason FROM fare.entitlement_revocation');
  expect(rows).toEqual([{ reason: 'death' }]);
});
