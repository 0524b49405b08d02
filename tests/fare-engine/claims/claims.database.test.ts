/** A month's claims on a real PostgreSQL: drafted, objected to, corrected, agreed to; late rides in the next one; a bundle that verifies alone. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatVerifier, noteVerifier, parseVerifier, signNote } from '#contracts/signed-note.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { createAuditSequencer } from '../../../fare-engine/adapters/audit-sequencer.ts';
import {
  tapRow as csvTap,
  linesCsv,
  manifestText,
  sha256Of,
  TAP_COLUMNS,
} from '../../../fare-engine/claims/bundle-text.ts';
import { parseClaim } from '../../../fare-engine/claims/claim-text.ts';
import { claimsKeyName, verifyBundle } from '../../../fare-engine/claims/verify-bundle.ts';
import { exportClaim } from '../../../fare-engine/export-claim.ts';
import type { SettlementTerms } from '../../../fare-engine/settle-commands.ts';
import { ED25519_DEVELOPMENT } from '../../../fare-engine/settlement/signature-schemes.ts';
import { tapRow, token } from '../support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from '../support/engine-database.ts';
import { moneyPricer } from '../support/money-pricer.ts';
import { command } from '../support/submit.ts';

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
const say = (kind: string, payload: object) =>
  command(city, kind as never, payload as never, undefined, terms);
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
  await say('submit-claim', { ...of, ...carrier });
  await say('submit-claim', { ...of, ...carrier });
  expect(await refused()).toBe('CLAIM_ALREADY_SUBMITTED');
  await say('object-claim', { ...objection, tapRef: '0'.repeat(32) });
  expect(await refused()).toBe('OBJECTION_SUBJECT_UNKNOWN');
  const objectionId = await say('object-claim', objection);
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
  const back = {
    objectionId: later,
    accepted: true,
    remedy: 'next-month',
    correctionMinor: '200',
    words: 'Добре',
  };
  await say('answer-objection', { ...of, version: 2, ...department, ...back });
  await say('agree-claim', { ...now, ...carrier });
  await say('agree-claim', { ...now, ...carrier });
  expect([await refused(), (await newest()).state]).toEqual(['CLAIM_ALREADY_AGREED', 'agreed-by-one']);
  await say('agree-claim', { ...now, ...department });
  expect((await newest()).state).toBe('agreed');
  await say('object-claim', line);
  expect(await refused()).toBe('CLAIM_AGREED');
  await say('submit-claim', { ...of, claimId: 'none', ...carrier });
  expect(await refused()).toBe('CLAIM_UNKNOWN');
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

test('a bundle verifies with its files and the key of the log alone, and the first misfit is named', async () => {
  const origin = 'kvytok.example/test';
  const { privateKey } = generateKeyPairSync('ed25519');
  const sequencer = createAuditSequencer(city.pool, { origin, privateKeys: [privateKey] }, city.clock);
  try {
    await sequencer.turn(1000);
  } finally {
    await sequencer.stop();
  }
  const key = parseVerifier(formatVerifier(noteVerifier(origin, 'log', privateKey)));
  if (!key.ok) throw new Error('no key');
  const exported = await exportClaim(
    city.admin,
    { period: '2025-10', carrierId: 'tet', fundingId: 'city-budget' },
    'Europe/Kyiv',
  );
  const claim = parseClaim(JSON.parse(exported.bytes));
  if (!claim.ok) throw new Error('no claim');
  const texts: Record<string, string> = {
    'claim.json': exported.bytes,
    'lines.csv': linesCsv(claim.value),
    'taps.csv': `${TAP_COLUMNS.join(',')}\n${exported.taps.map(csvTap).join('')}`,
    'objections.json': JSON.stringify(exported.objections),
    'proofs.ndjson': exported.proofs.map((proof) => `${JSON.stringify(proof)}\n`).join(''),
    'claim.proof': exported.claimProof,
    checkpoint: exported.checkpoint,
    'claim.pdf': '%PDF',
  };
  const verdict = async (changed: Record<string, string>, resign = true) => {
    const files: Record<string, string> = { ...texts, ...changed };
    const signed = resign ? files : texts;
    const list = Object.keys(signed)
      .sort()
      .map((name) => ({ name, sha256: sha256Of(signed[name] as string) }));
    const text = manifestText({ claimId: claim.value.claimId, version: claim.value.version, files: list });
    files['manifest'] = `${text}\n${signNote(text, { name: claimsKeyName(origin), privateKey })}`;
    const read = async (name: string) => (files[name] === undefined ? null : Buffer.from(files[name]));
    const found = await verifyBundle(read, Object.keys(files), [key.value]);
    return found.ok ? 'holds' : found.code;
  };
  const json = JSON.stringify(texts) + Object.values(texts).join('');
  expect(json).not.toContain('person-9');
  expect(json).not.toContain('val-1');
  expect(await verdict({})).toBe('holds');
  expect(await verdict({ 'taps.csv': `${texts['taps.csv']} ` }, false)).toBe('CLAIM_BUNDLE_FILE');
  expect(await verdict({ 'extra.txt': 'x' }, false)).toBe('CLAIM_BUNDLE_FILE');
  expect(await verdict({ 'lines.csv': 'x' })).toBe('CLAIM_BUNDLE_LINES');
  expect(await verdict({ 'claim.json': '{}' })).toBe('CLAIM_BUNDLE_CLAIM');
  expect(await verdict({ 'claim.json': exported.bytes.replace('"city"', '"citi"') })).toBe(
    'CLAIM_BUNDLE_CLAIM',
  );
  expect(
    await verdict({
      'claim.json': exported.bytes.replace('О. Бойко', 'О. Бойка').replace('І. Коваль', 'І. Ковал'),
    }),
  ).toBe('CLAIM_BUNDLE_PROOF');
  expect(await verdict({ 'objections.json': '[]' })).toBe('CLAIM_BUNDLE_TOTAL');
  const rows = (texts['taps.csv'] as string).split('\n');
  expect(await verdict({ 'taps.csv': [...rows.slice(0, 2), ...rows.slice(3)].join('\n') })).toBe(
    'CLAIM_BUNDLE_AMOUNT',
  );
  expect(await verdict({ 'taps.csv': [...rows.slice(0, 2), rows[1], ...rows.slice(2)].join('\n') })).toBe(
    'CLAIM_BUNDLE_TAPS',
  );
  expect(await verdict({ 'proofs.ndjson': '' })).toBe('CLAIM_BUNDLE_PROOF');
  expect(await verdict({ checkpoint: exported.checkpoint.replace(/\d+\n/, '9\n') })).toBe(
    'CLAIM_BUNDLE_SIGNATURE',
  );
});
