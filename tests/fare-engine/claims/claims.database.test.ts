/** A month's claims on a real PostgreSQL: drafted, objected to, corrected, agreed to; late rides in the next one; a bundle that verifies alone. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatVerifier, noteVerifier } from '#contracts/signed-note.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import * as auditCommand from '../../../cli/commands/audit.ts';
import * as claimsCommand from '../../../cli/commands/claims.ts';
import { createAuditSequencer } from '../../../fare-engine/adapters/audit-sequencer.ts';
import type { SettlementTerms } from '../../../fare-engine/settle-commands.ts';
import {
  type ClaimAct,
  claimStatement,
  ED25519_DEVELOPMENT,
} from '../../../fare-engine/settlement/signature-schemes.ts';
import { windowEntries } from '../../../fare-engine/settlement/window.ts';
import { randomOf } from '../../../simulators/city/random.ts';
import { runCommand } from '../../support/command-io.ts';
import { interrupted } from '../../support/interrupted.ts';
import { pastTransactions } from '../../support/past-transactions.ts';
import { until } from '../../support/until.ts';
import { tapRow, token } from '../support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';
import { type LaidDecision, layDecisions } from '../support/laid-decisions.ts';
import { moneyPricer } from '../support/money-pricer.ts';
import { command } from '../support/submit.ts';

const TERNOPIL = join(import.meta.dirname, '../../../cities/ternopil');
const MORNING = Date.UTC(2025, 9, 14, 6);
const names = (text: string) => ({ uk: text, en: text, de: text, pl: text });
const party = (text: string) => ({ names: names(text), signs: names(text) });
const row = {
  funding_id: 'city-budget',
  basis: 'fare_difference',
  coef_bp: 9000,
  vat: 'none',
  valid_to: null,
};
const PACKAGE = {
  hash: 'a'.repeat(64),
  tariff: { currency: 'UAH' },
  revenueSplit: [],
  compensation: [{ ...row, compensation_id: 'nine', valid_from: '2025-01-01', act: 'a', article: '1' }],
  pricer: { feed: { products: new Map() } },
};
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
  tariffs: { at: () => PACKAGE, byHash: () => PACKAGE } as unknown as TariffTimeline,
  schemes: [ED25519_DEVELOPMENT],
};
const CLAIM = '2025-10:tet:city-budget:UAH';

let city: EngineDatabase;
const obey = (kind: string, payload: object) =>
  command(city, kind as never, payload as never, undefined, terms);
/** Of who was named for a side. */
const signers = new Map<string, { signerId: string; privateKey: KeyObject }>();
const ACTS: Record<string, string> = {
  'submit-claim': 'submit',
  'object-claim': 'object',
  'answer-objection': 'answer',
  'agree-claim': 'agree',
};
type ClaimOf = { claimId: string; version: number; side: 'department' | 'carrier' };
/** A command; what a side says of a claim is signed by who was named for it. */
async function say(kind: string, payload: Record<string, unknown>): Promise<string> {
  const act = ACTS[kind];
  const signer = signers.get(payload['side'] as string);
  if (act === undefined || signer === undefined) return obey(kind, payload);
  const sha256 = (await newest(payload['claimId'] as string))?.sha256 ?? '';
  const statement = claimStatement({ ...(payload as unknown as ClaimOf), sha256 }, {
    ...payload,
    act,
  } as ClaimAct);
  const signature = sign(null, Buffer.from(statement), signer.privateKey).toString('base64');
  return obey(kind, { signerId: signer.signerId, signature, ...payload });
}
async function name(side: 'department' | 'carrier'): Promise<void> {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const signerId = await obey('name-signer', {
    side,
    ...(side === 'carrier' ? { carrierId: 'tet' } : {}),
    name: side,
    scheme: 'ed25519-development',
    publicKey: publicKey.export({ type: 'spki', format: 'pem' }),
    validFromMs: 0,
    who: 'О. Бойко',
  });
  signers.set(side, { signerId, privateKey });
}
const drain = () => city.drain({ deps: city.deps(moneyPricer(3000n)) });
const ride = (seq: number, atMs: number) =>
  tapRow({ device: 'val-1', vehicleId: 'bus-1', seq, atMs, token: token(9) });
async function refused(): Promise<string> {
  const { rows } = await city.admin.query(
    'SELECT reason FROM fare.command_refusal ORDER BY refusal_id DESC LIMIT 1',
  );
  return rows[0]?.reason;
}
async function newest(claimId = CLAIM) {
  const { rows } = await city.admin.query('SELECT * FROM fare.published_claim WHERE claim_id = $1', [
    claimId,
  ]);
  return rows[0];
}
async function closeMonth(period: string, at: string, lastDay: string): Promise<void> {
  city.clock.advance(Date.parse(at) - city.clock.nowMs());
  await say('close-day', { fareDay: lastDay });
  await drain();
  await say('close-settlement', { period, who: 'О. Бойко' });
}

beforeAll(async () => {
  city = await openEngineDatabase();
  await name('department');
  await name('carrier');
  await say('assign-vehicle', { vehicleId: 'bus-1', carrierId: 'tet', validFromMs: 0 });
  await say('assign-device', { deviceId: 'val-1', vehicleId: 'bus-1', validFromMs: 0 });
  await say('link-medium', { tokenId: token(9), accountId: 'person-9', validFromMs: 0 });
  await say('grant-entitlement', {
    entitlementId: 'e9',
    accountId: 'person-9',
    concessionId: 'pensioner',
    validFromMs: 0,
  });
  await city.deliver([ride(1, MORNING), ride(2, MORNING + 7_200_000), ride(3, MORNING + 14_400_000)]);
  await drain();
});
afterAll(() => city.close());

test('claims are drafted from a settled month alone, once, and equal its ledger but for the coefficient', async () => {
  await say('draft-claims', { period: '2025-10', by: 'О. Бойко' });
  expect(await refused()).toBe('CLAIM_NOT_SETTLED');
  await closeMonth('2025-10', '2025-11-05T13:00+02:00', '2025-10-31');
  await say('draft-claims', { period: '2025-10', by: 'О. Бойко' });
  const claim = await newest();
  const text = JSON.parse(claim.claim);
  expect([claim.state, text.rides, text.ledgerMinor, text.claimedMinor, text.differsBy]).toEqual([
    'drafted',
    3,
    '3600',
    '3240',
    ['coefficient'],
  ]);
  await say('draft-claims', { period: '2025-10', by: 'О. Бойко' });
  expect(await refused()).toBe('CLAIM_ALREADY_DRAFTED');
  await expect(
    city.admin.query('INSERT INTO fare.claim_tap SELECT * FROM fare.claim_tap LIMIT 1'),
  ).rejects.toMatchObject({ code: '23505' });
});

test('sides object, answer and agree: nobody answers himself, no line gets more than its rule makes of it', async () => {
  const of = { claimId: CLAIM, version: 1 };
  const department = { side: 'department', by: 'О. Бойко' };
  const carrier = { side: 'carrier', by: 'І. Коваль' };
  const { lines } = JSON.parse((await newest()).claim);
  const [tap] = (await city.admin.query('SELECT tap_ref FROM fare.claim_tap ORDER BY tap_id LIMIT 1')).rows;
  const objection = {
    ...of,
    ...department,
    tapRef: tap.tap_ref,
    reason: 'anomaly',
    words: 'Дві картки поспіль',
  };
  await say('object-claim', objection);
  expect(await refused()).toBe('CLAIM_NOT_SUBMITTED');
  // What was signed is another side's, by another's key, or by somebody whom nobody named.
  const { signerId } = signers.get('carrier') as { signerId: string };
  const others = signers.get('department') as { signerId: string };
  const signature = Buffer.alloc(64).toString('base64');
  const forged = async (change: object) => {
    await say('submit-claim', { ...of, ...carrier, ...change });
    return refused();
  };
  expect(await forged({ signature })).toBe('SIGNATURE_INVALID');
  expect(await forged({ signerId: others.signerId })).toBe('SIGNER_UNKNOWN');
  expect(await forged({ ...department, signerId })).toBe('SIGNER_UNKNOWN');
  expect(await forged({ signature: undefined })).toBe('COMMAND_MALFORMED');
  await say('submit-claim', { ...of, ...carrier });
  await say('submit-claim', { ...of, ...carrier });
  expect(await refused()).toBe('CLAIM_ALREADY_SUBMITTED');
  await say('object-claim', { ...objection, tapRef: '0'.repeat(32) });
  expect(await refused()).toBe('OBJECTION_SUBJECT_UNKNOWN');
  const objectionId = await say('object-claim', objection);
  await say('object-claim', objection);
  expect(await refused()).toBe('OBJECTION_WAITS');
  // In other words it is another matter.
  const reworded = await say('object-claim', { ...objection, words: 'І третя' });
  await say('answer-objection', { ...of, ...carrier, objectionId: reworded, accepted: false, words: 'Ні' });
  const sha256 = (await newest()).sha256;
  await say('agree-claim', { ...of, ...carrier, sha256 });
  expect([await refused(), (await newest()).state]).toEqual(['CLAIM_OBJECTIONS_OPEN', 'objected']);
  const answer = {
    ...of,
    objectionId,
    words: 'Так',
    accepted: true,
    remedy: 'new-version',
    correctionMinor: '-1080',
  };
  await say('answer-objection', { ...answer, ...department });
  expect(await refused()).toBe('OBJECTION_OWN');
  await say('answer-objection', {
    ...answer,
    ...carrier,
    objectionId: '00000000-0000-4000-8000-000000000000',
  });
  expect(await refused()).toBe('OBJECTION_UNKNOWN');
  await say('answer-objection', { ...answer, ...carrier, correctionMinor: '-3241' });
  expect(await refused()).toBe('CORRECTION_OUT_OF_RANGE');
  await say('answer-objection', { ...of, ...carrier, objectionId, words: 'Так', accepted: true });
  expect(await refused()).toBe('CORRECTION_MISSING');
  await say('answer-objection', { ...answer, ...carrier });
  await say('answer-objection', { ...answer, ...carrier, version: 2 });
  expect(await refused()).toBe('OBJECTION_ALREADY_ANSWERED');
  const second = await newest();
  expect([second.version, second.claimed_minor, second.state]).toEqual([2, 2160n, 'answered']);
  await say('agree-claim', { ...of, ...carrier, sha256 });
  expect(await refused()).toBe('CLAIM_VERSION_OLD');
  const now = { ...of, version: 2, sha256: second.sha256 };
  const line = {
    ...of,
    version: 2,
    ...carrier,
    lineId: lines[0].lineId,
    reason: 'wrong-rides',
    words: 'Ще одна',
  };
  const later = await say('object-claim', line);
  const back = { objectionId: later, accepted: true, remedy: 'next-month', words: 'Добре' };
  await say('answer-objection', { ...of, version: 2, ...department, ...back, correctionMinor: '200' });
  await say('agree-claim', { ...now, ...carrier });
  await say('agree-claim', { ...now, ...carrier });
  expect([await refused(), (await newest()).state]).toEqual(['CLAIM_ALREADY_AGREED', 'agreed-by-one']);
  await say('agree-claim', { ...now, ...department });
  expect((await newest()).state).toBe('agreed');
  await say('object-claim', line);
  expect(await refused()).toBe('CLAIM_AGREED');
  await say('submit-claim', { ...of, claimId: 'none', ...carrier });
  expect(await refused()).toBe('CLAIM_UNKNOWN');
  const { rows: signed } = await city.admin.query(
    'SELECT act, side, qualified, version FROM fare.claim_signature ORDER BY known_from_ms, act, side, version',
  );
  expect(signed).toHaveLength(9);
  expect(signed.every(({ qualified }) => qualified === false)).toBe(true);
});

test('what came after the close is in the next claim, under its own month, with the correction that waited', async () => {
  await city.deliver([ride(4, MORNING + 21_600_000)]);
  await drain();
  await say('draft-claims', { period: '2025-12', by: 'О. Бойко' });
  expect(await refused()).toBe('CLAIM_NOT_SETTLED');
  await closeMonth('2025-11', '2025-12-05T13:00+02:00', '2025-11-30');
  await closeMonth('2025-12', '2026-01-05T13:00+02:00', '2025-12-31');
  await say('draft-claims', { period: '2025-12', by: 'О. Бойко' });
  expect(await refused()).toBe('CLAIM_OUT_OF_ORDER');
  await say('draft-claims', { period: '2025-11', by: 'О. Бойко' });
  const text = JSON.parse((await newest('2025-11:tet:city-budget:UAH')).claim);
  expect(
    text.lines.map((line: Record<string, unknown>) => [line['origin'], line['rides'], line['claimedMinor']]),
  ).toEqual([['2025-10', 1, '1080']]);
  expect([text.corrections[0].minor, text.claimedMinor]).toEqual(['200', '1280']);
});

test('the command writes a bundle that verifies with its files and the key of the log alone, and names nobody', async () => {
  const origin = 'kvytok.example/test';
  const { privateKey } = generateKeyPairSync('ed25519');
  const sequencer = createAuditSequencer(city.pool, { origin, privateKeys: [privateKey] }, city.clock);
  const dir = mkdtempSync(join(tmpdir(), 'kvytok-claim-'));
  const env = { KVYTOK_POSTGRES_URL: city.database.url('auditor_runtime'), KVYTOK_CITY_DIR: TERNOPIL };
  const kvytok = (...args: string[]) => runCommand(auditCommand, args, '', dir, env);
  try {
    writeFileSync(join(dir, 'key.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const ask = ['claim', 'tet', '2025-10', '--out', 'bundle', '--sign-key', 'key.pem'];
    await expect(kvytok(...ask)).rejects.toMatchObject({ code: 'CLAIM_NOT_SEALED' });
    await sequencer.turn(1000);
    await expect(kvytok(...ask, '--sign-key', 'no.pem')).rejects.toMatchObject({
      code: 'CLAIM_KEY_UNREADABLE',
    });
    await expect(kvytok(...ask.with(1, 'mat'))).rejects.toMatchObject({ code: 'CLAIM_NOT_FOUND' });
    expect(existsSync(join(dir, 'bundle.partial'))).toBe(false);
    await pastTransactions(city.admin);
    await sequencer.turn(1000);
    const stopped = await interrupted(() => kvytok(...ask));
    expect([stopped.code, stopped.stderr]).toEqual([1, expect.stringContaining('Stopped')]);
    expect(readdirSync(dir).filter((name) => name.startsWith('bundle'))).toEqual([]);
    await pastTransactions(city.admin);
    const signed = async (args: readonly string[]) => {
      await sequencer.turn(1000);
      return kvytok(...args);
    };
    const told = JSON.parse((await until(() => signed(ask), { what: 'a signed claim' })).stdout);
    expect(told).toMatchObject({ claimId: CLAIM, version: 2, claimedMinor: '2160', taps: 3 });
    await expect(kvytok(...ask)).rejects.toMatchObject({ code: 'CLAIM_BUNDLE_EXISTS' });
    const bundle = join(dir, 'bundle');
    const files = readdirSync(bundle).map((name) => readFileSync(join(bundle, name), 'latin1'));
    expect(files.join('')).not.toMatch(/person-9|val-1|09:[0-9]*[1-9]/);
    expect(readFileSync(join(bundle, 'taps.csv'), 'utf8')).toContain(
      ',2025-10-14,2025-10-14T09:00+03:00,1,1200,',
    );
    const key = formatVerifier(noteVerifier(origin, 'log', privateKey));
    const verified = JSON.parse((await kvytok('claim', 'verify', 'bundle', '--key', key)).stdout);
    expect(verified).toMatchObject({ claimId: CLAIM, rides: 3, claimedMinor: '2160', taps: 3 });
    // The next month's has one ride of this one, and the correction that waited.
    await until(() => signed(ask.with(2, '2025-11').with(4, 'next')), { what: 'the next signed claim' });
    const next = JSON.parse((await kvytok('claim', 'verify', 'next', '--key', key)).stdout);
    expect(next).toMatchObject({ rides: 1, claimedMinor: '1280', taps: 1 });
    const list = (await runCommand(claimsCommand, ['list', '--period', '2025-10'], '', dir, env)).stdout;
    expect(list).toContain(`${CLAIM}  v2  agreed`);
    const objected = (await runCommand(claimsCommand, ['objections', CLAIM], '', dir, env)).stdout;
    expect(objected).toContain('accepted: Так (І. Коваль), by -1080 in the new-version');
    appendFileSync(join(bundle, 'taps.csv'), ' ');
    await expect(kvytok('claim', 'verify', 'bundle', '--key', key)).rejects.toMatchObject({
      code: 'CLAIM_BUNDLE_FILE',
    });
    await expect(kvytok('claim', 'verify', 'bundle')).rejects.toThrow('--key');
    await expect(kvytok('claim', 'verify', 'none', '--key', key)).rejects.toThrow('cannot be read');
  } finally {
    await sequencer.stop();
    rmSync(dir, { recursive: true });
  }
});

test('the entries of a window are what came in and went out, whatever superseded what in and outside of it', async () => {
  const [client, days] = [await city.admin.connect(), ['2030-10-30', '2030-10-31', '2030-11-01']];
  const XACT = 10_000_000_000n;
  const random = randomOf(7, 1);
  const written: LaidDecision[] = Array.from({ length: 12 }, (_, tap) => tap).flatMap((tap) => {
    let xact = XACT + BigInt(random.below(3));
    return Array.from({ length: 1 + random.below(4) }, (__, before) => {
      xact += BigInt(random.below(4));
      const [day, claimed] = [random.pick(days), random.chance(0.7)];
      return { tapId: `window-${tap}`, revision: before + 1, day, claimed, xact };
    });
  });
  try {
    await client.query('BEGIN');
    await layDecisions(client, written);
    const period = { id: '2030-10', fromDay: '2030-10-01', untilDay: '2030-11-01' };
    for (let round = 0; round < 30; round++) {
      const [floor, at] = [XACT + BigInt(random.below(4)), XACT + BigInt(4 + random.below(3))];
      const cut = at + BigInt(random.below(6));
      const first = round % 3 === 0;
      const settled = {
        period: '2030-09',
        untilDay: '2030-10-31',
        untilMs: 0,
        floorXact: `${floor}`,
        xact: `${at}`,
      };
      const before = first ? null : settled;
      const taken = (xact: bigint, day: string): boolean =>
        day < period.untilDay &&
        xact < cut &&
        (first || (xact >= floor && !(day < settled.untilDay && xact < at)));
      const net = new Map<string, number>();
      for (const { tapId, revision, day, claimed, xact } of written) {
        const next = written.find((one) => one.tapId === tapId && one.revision === revision + 1);
        const sign = Number(taken(xact, day)) - Number(next !== undefined && taken(next.xact, day));
        if (claimed && sign !== 0) net.set(`${tapId} ${revision}`, sign);
      }
      const window = { period, untilMs: 0, before, cutXact: `${cut}` };
      const { rows } = await client.query<{ tapId: string; revision: number; sign: number }>(
        windowEntries(window),
      );
      const found = rows
        .filter(({ tapId }) => tapId.startsWith('window-'))
        .map(({ tapId, revision, sign }) => [`${tapId} ${revision}`, sign]);
      expect(new Map(found as [string, number][])).toEqual(net);
      expect(found).toHaveLength(net.size);
    }
  } finally {
    await client.query('ROLLBACK');
    client.release();
  }
});
