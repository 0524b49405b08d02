/** Months are settled on a real PostgreSQL: passes and rebates are shared, late rides wait, totals are the ledger's, acts are signed. */
import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { SplitRule } from '#pricing/revenue-split.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import * as settleCommand from '../../../cli/commands/settle.ts';
import { previewSettlement } from '../../../fare-engine/read-settlement.ts';
import type { SettlementTerms } from '../../../fare-engine/settle-commands.ts';
import { parsePeriod } from '../../../fare-engine/settlement/period.ts';
import {
  type ActSide,
  actStatement,
  ED25519_DEVELOPMENT,
} from '../../../fare-engine/settlement/signature-schemes.ts';
import { trialBalance } from '../../../fare-engine/trial-balance.ts';
import { runCommand } from '../../support/command-io.ts';
import { tapRow, token } from '../support/a-record.ts';
import { calendar, type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';
import { moneyPricer } from '../support/money-pricer.ts';
import { command } from '../support/submit.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** 14 October 2025, 09:00 in Kyiv. */
const MORNING = Date.UTC(2025, 9, 14, 6);

const names = (text: string) => ({ uk: text, en: text, de: text, pl: text });
const party = (text: string) => ({ names: names(text), signs: names(`голова ${text}`) });
const RULES = [
  { fare_product_id: 'month', method: 'boardings', act: 'a', article: '1' },
  { cap_id: 'day-cap', method: 'boardings', act: 'a', article: '2' },
];
const TERMS = [
  {
    fare_product_id: 'month',
    kind: 'pass',
    validity_amount: 1,
    validity_unit: 'month',
    validity_type: 'calendar',
  },
];
const terms: SettlementTerms = {
  city: {
    id: 'test',
    names: names('Місто'),
    zone: 'Europe/Kyiv',
    dayStart: '04:00',
    settlement: {
      closeAfterDays: 5,
      closeAt: '12:00',
      department: party('Департамент'),
      carriers: { tet: party('Тет'), mat: party('Мат') },
    },
  },
  tariffs: {
    at: () => ({
      hash: 'a'.repeat(64),
      revenueSplit: RULES,
      tariff: { zone: 'Europe/Kyiv' },
      heldTerms: new Map(TERMS.map((term) => [term.fare_product_id, term])),
    }),
  } as unknown as TariffTimeline,
  schemes: [ED25519_DEVELOPMENT],
};

type City = EngineDatabase & { say(kind: string, payload: object): Promise<string> };
const cities: City[] = [];

/** A city with two carriers, somebody with a pass, somebody with a right, and somebody who reaches the cap. */
async function openCity(): Promise<City> {
  const engine = await openEngineDatabase();
  const city: City = {
    ...engine,
    say: (kind, payload) => command(engine, kind as never, payload as never, undefined, terms),
  };
  cities.push(city);
  for (const [n, carrierId] of [
    [1, 'tet'],
    [2, 'mat'],
  ] as const) {
    await city.say('assign-vehicle', { vehicleId: `bus-${n}`, carrierId, validFromMs: 0 });
    await city.say('assign-device', { deviceId: `val-${n}`, vehicleId: `bus-${n}`, validFromMs: 0 });
  }
  for (const n of [7, 8, 9])
    await city.say('link-medium', { tokenId: token(n), accountId: `person-${n}`, validFromMs: 0 });
  const right = { entitlementId: 'e9', accountId: 'person-9', concessionId: 'pensioner', validFromMs: 0 };
  await city.say('grant-entitlement', right);
  const sale = { passId: 'p8', accountId: 'person-8', fareProductId: 'month', validFromMs: MORNING };
  await city.say('sell-pass', { ...sale, amountMinor: '2700', currency: 'UAH', source: 'kiosk-7' });
  return city;
}

const ride = (bus: number, seq: number, person: number, atMs: number) =>
  tapRow({ device: `val-${bus}`, vehicleId: `bus-${bus}`, seq, atMs, token: token(person) });
const at = (hour: number) => MORNING + hour * HOUR_MS;
/** The capped one rides tet, tet, mat, tet, mat; the pass tet, tet, mat; the pensioner mat. */
const OCTOBER = [
  ride(1, 1, 7, at(1)),
  ride(1, 2, 7, at(2)),
  ride(2, 1, 7, at(3)),
  ride(1, 3, 7, at(4)),
  ride(2, 2, 7, at(5)),
  ride(1, 4, 8, at(1)),
  ride(1, 5, 8, at(2)),
  ride(2, 3, 8, at(3)),
  ride(2, 4, 9, at(1)),
];
const drain = (city: City) => city.drain({ deps: city.deps(moneyPricer(3000n)) });

async function refusal(city: City): Promise<[string, string]> {
  const { rows } = await city.admin.query(
    'SELECT reason, detail FROM fare.command_refusal ORDER BY refusal_id DESC LIMIT 1',
  );
  return [rows[0]?.reason, rows[0]?.detail];
}

async function linesOf(city: City, period: string, carrierId: string) {
  const { rows } = await city.admin.query<{ line: [string, string, string, number, number] }>(
    `SELECT json_build_array(kind, ref, origin, rides, amount_minor) AS line FROM fare.published_settlement_line
     WHERE period = $1 AND carrier_id = $2 ORDER BY line_number`,
    [period, carrierId],
  );
  return rows.map(({ line }) => line);
}

const TET = [
  ['fares', '', '2025-10', 5, 2400],
  ['cap', '', '2025-10', 0, 1200],
  ['cap-share', 'day-cap', '2025-10', 3, -1800],
  ['pass-share', 'month', '2025-10', 2, 1800],
];
const MAT = [
  ['fares', '', '2025-10', 4, 600],
  ['concession', 'city-budget', '2025-10', 1, 1200],
  ['cap', '', '2025-10', 0, 1800],
  ['cap-share', 'day-cap', '2025-10', 2, -1200],
  ['pass-share', 'month', '2025-10', 1, 900],
];

const close = (city: City, period: string) => city.say('close-settlement', { period, who: 'О. Бойко' });
/** Beyond the closing instant of October, with all its days closed. */
async function toNovember(city: City): Promise<void> {
  city.clock.advance(Date.parse('2025-11-05T13:00+02:00') - city.clock.nowMs());
  await city.say('close-day', { fareDay: '2025-10-31' });
}

let city: City;
beforeAll(async () => {
  city = await openCity();
  await city.deliver(OCTOBER);
  await drain(city);
});
afterAll(() => Promise.all(cities.map((one) => one.close())));

describe('a month', () => {
  test('is not settled before it is due, nor while its days are open or its work waits', async () => {
    await close(city, '2025-10');
    expect(await refusal(city)).toEqual(['SETTLEMENT_NOT_DUE', 'due 2025-11-05T12:00, local time']);
    city.clock.advance(Date.parse('2025-11-05T12:00+02:00') - city.clock.nowMs());
    await close(city, '2025-10');
    expect(await refusal(city)).toEqual(['SETTLEMENT_DAYS_OPEN', 'closed until no day, needed 2025-10-31']);
    await toNovember(city);
    await city.admin.query(
      "INSERT INTO fare.account_day_queue (account_id, fare_day, reason) VALUES ('person-7', '2025-10-14', 'test')",
    );
    await close(city, '2025-10');
    expect((await refusal(city))[0]).toBe('SETTLEMENT_WORK_WAITING');
    await drain(city);
  });

  test('is not settled where decisions and ledger differ: the account and the difference are named', async () => {
    const [posting] = (
      await city.admin.query(
        `UPDATE fare.posting SET amount_minor = amount_minor - 7 WHERE posting_id =
           (SELECT posting_id FROM fare.posting WHERE credit_account = 'revenue:mat' AND debit_account LIKE 'budget:%')
         RETURNING posting_id`,
      )
    ).rows;
    await close(city, '2025-10');
    expect(await refusal(city)).toEqual([
      'SETTLEMENT_DIFFERS',
      'budget:city-budget UAH: decisions -1200, ledger -1193, differs by 7; ' +
        'revenue:mat UAH: decisions 3600, ledger 3593, differs by -7',
    ]);
    await city.admin.query('UPDATE fare.posting SET amount_minor = amount_minor + 7 WHERE posting_id = $1', [
      posting.posting_id,
    ]);
    expect((await city.admin.query('SELECT FROM fare.settlement')).rowCount).toBe(0);
  });

  test('is settled by a named person: lines add up, passes and rebates are shared out to the last kopiyka', async () => {
    await close(city, '2025-10');
    expect(await linesOf(city, '2025-10', 'tet')).toEqual(TET);
    expect(await linesOf(city, '2025-10', 'mat')).toEqual(MAT);
    const { accounts, problems } = await trialBalance(city.admin);
    expect(problems).toEqual([]);
    const balance = (name: string) => {
      const row = accounts.find(({ account }) => account === name);
      return row === undefined ? 0n : row.postedDebitMinor - row.postedCreditMinor;
    };
    expect(balance('liability:passes')).toBe(0n);
    expect(balance('rebate:caps')).toBe(0n);
    expect(balance('revenue:tet')).toBe(-3600n);
    expect(balance('revenue:mat')).toBe(-3300n);
    const { rows } = await city.admin.query(
      `SELECT kind FROM fare.audit_leaf WHERE kind = 'settlement' AND ref = '2025-10'`,
    );
    expect(rows).toHaveLength(1);
  });

  test('is settled once, and the next one follows', async () => {
    await close(city, '2025-10');
    expect((await refusal(city))[0]).toBe('SETTLEMENT_ALREADY_CLOSED');
    await close(city, '2025-12');
    expect(await refusal(city)).toEqual(['SETTLEMENT_OUT_OF_ORDER', '2025-11 comes next']);
  });
});

test('what comes after the close falls into the next month, with the month it belongs to; the first one is found again', async () => {
  city.clock.advance(DAY_MS);
  // Late beyond three days: a loss of the city. And the bus of the pensioner's ride was another carrier's all along.
  await city.deliver([ride(1, 9, 9, at(8)), ride(1, 10, 7, MORNING + 23 * DAY_MS)]);
  await drain(city);
  city.clock.advance(Date.parse('2025-12-06T13:00+02:00') - city.clock.nowMs());
  await city.say('close-day', { fareDay: '2025-11-30' });
  await close(city, '2025-11');
  expect(await linesOf(city, '2025-11', 'tet')).toEqual([
    ['fares', '', '2025-10', 1, 0],
    ['fares', '', '2025-11', 1, 1200],
    ['concession', 'city-budget', '2025-10', 1, 1200],
  ]);
  expect(await linesOf(city, '2025-10', 'tet')).toEqual(TET);
  const october = parsePeriod('2025-10') as NonNullable<ReturnType<typeof parsePeriod>>;
  const untilMs = Date.parse('2025-11-01T04:00+02:00');
  const again = (rules: typeof RULES) =>
    previewSettlement(city.admin, october, untilMs, rules as SplitRule[], {
      tariffs: terms.tariffs,
      calendar,
    });
  expect(await again(RULES)).toMatchObject({ settled: { ok: true }, differing: [] });
  // By other rules it would have been another month.
  expect((await again([])).differing).toEqual(['mat', 'tet']);
  const first = await again([{ fare_product_id: 'month', method: 'first', act: 'a', article: '1' }]);
  expect(first.settled.ok && first.settled.settlement.shares.filter(({ kind }) => kind === 'pass')).toEqual([
    expect.objectContaining({ carrierId: 'mat', minor: 0n }),
    expect.objectContaining({ carrierId: 'tet', minor: 2700n }),
  ]);
});

test('the command prints the very bytes that are kept, and tells months and states', async () => {
  const env = { KVYTOK_POSTGRES_URL: city.database.url('auditor_runtime') };
  const kvytok = async (...args: string[]) =>
    (await runCommand(settleCommand, args, '', process.cwd(), env)).stdout;
  const { rows } = await city.admin.query(
    "SELECT act_sha256 FROM fare.published_settlement WHERE period = '2025-10' AND carrier_id = 'tet'",
  );
  const bytes = await kvytok('act', 'tet', '2025-10');
  expect(createHash('sha256').update(bytes).digest('hex')).toBe(rows[0].act_sha256);
  expect(await kvytok('list')).toContain(`2025-10 tet drafted, closed by О. Бойко, ${rows[0].act_sha256}`);
  await expect(kvytok('act', 'tet', '2026-10')).rejects.toMatchObject({ code: 'ACT_UNKNOWN' });
  await expect(kvytok('act', 'tet', '2026-13')).rejects.toThrow('PERIOD is a month');
});

test('deliveries in another order, one by one, give the same month', async () => {
  const other = await openCity();
  for (const row of [...OCTOBER, OCTOBER[3] as (typeof OCTOBER)[number]].reverse()) {
    await other.deliver([row]);
    await drain(other);
  }
  await toNovember(other);
  await close(other, '2025-10');
  expect(await linesOf(other, '2025-10', 'tet')).toEqual(TET);
  expect(await linesOf(other, '2025-10', 'mat')).toEqual(MAT);
});

describe('the act', () => {
  const keys = new Map<string, { privateKey: KeyObject; signerId: string }>();
  const name = async (side: ActSide, carrierId?: string, pem?: string): Promise<void> => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const signerId = await city.say('name-signer', {
      side,
      ...(carrierId === undefined ? {} : { carrierId }),
      name: 'І. Підпис',
      scheme: 'ed25519-development',
      publicKey: pem ?? publicKey.export({ type: 'spki', format: 'pem' }),
      validFromMs: 0,
      who: 'О. Бойко',
    });
    keys.set(carrierId ?? side, { privateKey, signerId });
  };
  const actSha256 = async (): Promise<string> => {
    const { rows } = await city.admin.query<{ act_sha256: string; act: string }>(
      "SELECT act_sha256, act FROM fare.published_settlement WHERE period = '2025-10' AND carrier_id = 'tet'",
    );
    expect(
      createHash('sha256')
        .update(rows[0]?.act as string)
        .digest('hex'),
    ).toBe(rows[0]?.act_sha256);
    return rows[0]?.act_sha256 as string;
  };
  const signAs = async (side: ActSide, key: string, change: object = {}): Promise<void> => {
    const { privateKey, signerId } = keys.get(key) as { privateKey: KeyObject; signerId: string };
    const said = {
      period: '2025-10',
      carrierId: 'tet',
      side,
      actSha256: await actSha256(),
      objections: false,
    };
    const signing = { ...said, ...change };
    const signature = sign(null, Buffer.from(actStatement(signing)), privateKey).toString('base64');
    await city.say('sign-act', { ...signing, signerId, signature, who: 'І. Підпис', ...change });
  };
  const state = async () => {
    const { rows } = await city.admin.query(
      "SELECT state, objections, qualified FROM fare.published_settlement WHERE period = '2025-10' AND carrier_id = 'tet'",
    );
    return rows[0];
  };

  test('is signed by who was named for a side, each side once; a carrier may sign with objections', async () => {
    expect(await state()).toEqual({ state: 'drafted', objections: false, qualified: false });
    await name('department');
    await name('carrier', 'tet');
    await name('carrier', 'mat');
    await signAs('department', 'department');
    expect(await state()).toEqual({ state: 'signed-by-one', objections: false, qualified: false });
    await signAs('carrier', 'tet', { objections: true, note: '12 поїздок маршруту 5' });
    expect(await state()).toEqual({ state: 'signed-by-both', objections: true, qualified: false });
    await signAs('carrier', 'tet');
    expect((await refusal(city))[0]).toBe('ACT_ALREADY_SIGNED');
  });

  test('takes no signature of another carrier, another act, other words, or by a key of the other side', async () => {
    const refused = async (work: Promise<void>) => {
      await work;
      return (await refusal(city))[0];
    };
    const mat = { carrierId: 'mat' };
    const { rows } = await city.admin.query(
      "SELECT act_sha256 FROM fare.published_settlement WHERE period = '2025-10' AND carrier_id = 'mat'",
    );
    const ofMat = { ...mat, actSha256: rows[0].act_sha256 };
    expect(await refused(signAs('carrier', 'tet', ofMat))).toBe('SIGNER_UNKNOWN');
    expect(await refused(signAs('department', 'mat', ofMat))).toBe('SIGNER_UNKNOWN');
    expect(await refused(signAs('carrier', 'mat', mat))).toBe('ACT_OTHER_BYTES');
    expect(await refused(signAs('carrier', 'mat', { carrierId: 'other' }))).toBe('ACT_UNKNOWN');
    const forged = { ...ofMat, signature: Buffer.alloc(64).toString('base64') };
    expect(await refused(signAs('carrier', 'mat', forged))).toBe('SIGNATURE_INVALID');
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const secret = privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
    expect(await refused(name('carrier', 'mat', secret))).toBe('SIGNER_KEY_INVALID');
    const pem = publicKey.export({ type: 'spki', format: 'pem' }) as string;
    await name('department', undefined, pem);
    expect(await refused(name('carrier', 'mat', pem))).toBe('SIGNER_OTHER_SIDE');
    expect(await refused(name('carrier', 'mat', 'no key'))).toBe('SIGNER_KEY_INVALID');
  });
});

test('without terms nothing is settled', async () => {
  await command(city, 'close-settlement', { period: '2026-01', who: 'О. Бойко' });
  expect((await refusal(city))[0]).toBe('SETTLEMENT_NOT_CONFIGURED');
});
