/** `kvytok audit anomalies` on a real database: a week with frauds in it is searched, kept, shown and judged. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createPool } from '#platform/postgres.ts';
import { run } from '../../../cli/commands/audit.ts';
import { findingId } from '../../../fare-engine/anomalies/finding.ts';
import { cityPlan } from '../../../simulators/frauds/adapters/city-plan.ts';
import { huntTrial, makeTrial, type Trial } from '../../../simulators/frauds/fraud-trial.ts';
import { storeMonth } from '../../../simulators/frauds/store-month.ts';
import { runCommand } from '../../support/command-io.ts';
import { answered } from '../support/answered.ts';
import { type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';
import { RULES, TERNOPIL } from './ternopil-rules.ts';

const DAYS = ['--from', '2025-10-06', '--until', '2025-10-14'];
let engine: EngineDatabase;
let trial: Trial;
beforeAll(async () => {
  engine = await openEngineDatabase();
  trial = makeTrial(cityPlan(TERNOPIL, { seed: 3, riders: 140, fromDay: '2025-10-06', days: 8 }), 4);
  await storeMonth(engine.pool, trial.month);
});
afterAll(() => engine.close());

function audit(...words: string[]) {
  const env = {
    KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
    KVYTOK_OFFICE_POSTGRES_URL: engine.database.url('office_runtime'),
    KVYTOK_CITY_DIR: TERNOPIL,
  };
  return answered(engine, () => runCommand({ run }, ['anomalies', ...words], '', process.cwd(), env));
}
const jsonLines = (text: string) =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));

test('the database says what memory says: the same findings, by their ids', async () => {
  const { stdout, stderr, code } = await audit('run', ...DAYS, '--dry', '--json');
  expect(code).toBe(0);
  const expected = (await huntTrial(trial, RULES)).map(findingId).sort();
  expect(expected.length).toBeGreaterThan(30);
  expect(
    jsonLines(stdout)
      .map((line) => line.findingId)
      .sort(),
  ).toEqual(expected);
  expect(stderr).toContain('looking 100 %');
  const rules = await engine.admin.query('SELECT FROM fare.anomaly_finding');
  expect(rules.rowCount).toBe(0);
});

test('what is found is kept once, with taps that are there, and prices stay', async () => {
  const before = await engine.admin.query('SELECT count(*) FROM fare.decision');
  const first = jsonLines((await audit('run', ...DAYS, '--who', 'O. Hnat')).stdout)[0];
  const again = jsonLines((await audit('run', ...DAYS, '--who', 'another')).stdout)[0];
  expect([first.submitted, first.waiting, again.submitted]).toEqual([first.findings, 0, 0]);
  const { rows } = await engine.admin.query(
    `SELECT count(DISTINCT finding_id)::int AS findings, count(*) FILTER (WHERE tap_id IS NOT NULL AND carrier_id IS NULL)::int AS lost,
            count(*) FILTER (WHERE fare_day < '2025-10-06' OR fare_day > '2025-10-13')::int AS outside FROM fare.published_anomaly`,
  );
  expect(rows).toEqual([{ findings: first.findings, lost: 0, outside: 0 }]);
  expect((await engine.admin.query('SELECT FROM fare.command_refusal')).rowCount).toBe(0);
  expect((await engine.admin.query('SELECT count(*) FROM fare.decision')).rows).toEqual(before.rows);
});

test('a person judges one, and the list shows it in words, JSON and CSV', async () => {
  const [one] = jsonLines((await audit('list', '--rule', 'series-on-vehicle', '--json')).stdout);
  expect(one.explanations.en).toMatch(/^A concession card on one vehicle: \d+ rides within 1800 s/);
  expect(Object.keys(one.explanations)).toEqual(['uk', 'en', 'de', 'pl']);
  expect(JSON.stringify(one)).not.toMatch(/person-|k1\.|stack-/);
  const word = ['--verdict', 'confirmed', '--reason', '=seen on the camera', '--who', 'O. Hnat'];
  expect((await audit('review', one.findingId, ...word)).code).toBe(0);
  const unknown = await audit('review', `an-${'0'.repeat(32)}`, ...word);
  expect([unknown.code, JSON.parse(unknown.stdout).answer.reason]).toEqual([1, 'ANOMALY_UNKNOWN']);
  const shown = await audit('list', '--verdict', 'confirmed', '--csv');
  const [head, row, ...rest] = shown.stdout.trimEnd().split('\r\n');
  expect(head).toBe(
    'findingId,ruleId,fromDay,untilDay,severity,scorePermille,verdict,verdictReason,reviewedBy,taps,deviceId,vehicleId,routeId,carrierId,concessionId,paramsSha256,tapIds,evidence,uk,en,de,pl',
  );
  expect(row).toContain(`${one.findingId},series-on-vehicle,`);
  // What a spreadsheet would compute stays a text.
  expect(row).toContain(",confirmed,'=seen on the camera,O. Hnat,");
  expect(rest).toEqual([]);
  const text = (await audit('list', '--rule', 'series-on-vehicle')).stdout;
  expect(text).toContain('Пільгова картка в одному транспортному засобі');
});

test.each([
  [['run', ...DAYS], /--who NAME/],
  [['run', '--from', '2018-10-01', '--until', '2018-10-02', '--dry'], /no numbers for 2018-10-01/],
  [['list', '--rule', 'x'], /--rule takes one of/],
  [['review', 'an-1', '--verdict', 'confirmed', '--reason', 'a', '--who', 'b'], /a finding is named/],
  [['review', `an-${'0'.repeat(32)}`, '--verdict', 'maybe'], /--verdict confirmed/],
  [['walk'], /anomalies run/],
])('%j is refused with a word', async (words, message) => {
  await expect(audit(...words)).rejects.toThrow(message);
});

test('the portal reads no finding', async () => {
  const pool = createPool({ url: engine.database.url('portal_runtime'), applicationName: 'test', max: 1 });
  try {
    await expect(pool.query('SELECT FROM fare.published_anomaly')).rejects.toMatchObject({ code: '42501' });
  } finally {
    await pool.end();
  }
});
