/** Two people, two keys, this city, this package, this date, in office: each other way has its own code. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import type { OfficerRole, TariffStatement } from '#contracts/tariff-approval.ts';
import { signStatement } from '../../../cli/tariff/statement-files.ts';
import { parseOfficers } from '../../../fare-engine/tariff-life/officers-file.ts';
import {
  type ApprovalSubject,
  type Officers,
  verifyApproval,
} from '../../../fare-engine/tariff-life/verify-approval.ts';

const HOUR_MS = 3_600_000;
const NOW = Date.UTC(2026, 1, 1);
const SUBJECT: ApprovalSubject = {
  act: 'activate',
  city: 'ternopil',
  packageHash: 'a'.repeat(64),
  validFromMs: NOW + 72 * HOUR_MS,
};
const key = () => generateKeyPairSync('ed25519');
const [anna, bohdan, spare] = [key(), key(), key()];
const pem = (pair: ReturnType<typeof key>) =>
  pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();

const row = (person: string, roles: OfficerRole[], pair: ReturnType<typeof key>, more = {}) => ({
  person,
  roles,
  public_key: pem(pair),
  valid_from: '2026-01-01T00:00:00Z',
  valid_until: '2027-01-01T00:00:00+02:00',
  ...more,
});
const file = (rows: object = {}) => ({
  v: 1,
  lead_hours: 72,
  officers: {
    anna: row('Анна Коваль', ['author', 'approver'], anna),
    bohdan: row('Богдан Мельник', ['approver'], bohdan),
    ...rows,
  },
});
const OFFICERS = parseOfficers(file());

function said(officer: string, role: OfficerRole, more: Partial<TariffStatement> = {}, pair?: typeof anna) {
  const statement = { v: 1 as const, ...SUBJECT, officer, role, atMs: NOW - 1000, ...more };
  return signStatement(statement, (pair ?? (officer === 'anna' ? anna : bohdan)).privateKey);
}
const AUTHOR = said('anna', 'author');
const APPROVER = said('bohdan', 'approver');

function codes(envelopes: string[], officers: Officers = OFFICERS, nowMs = NOW, subject = SUBJECT): string[] {
  const verdict = verifyApproval(envelopes, subject, officers, nowMs);
  return verdict.ok ? [] : verdict.problems.map(({ code }) => code);
}

it('takes an author and an approver in any order, and further signatures that hold', () => {
  expect(codes([AUTHOR, APPROVER])).toEqual([]);
  expect(codes([APPROVER, AUTHOR, said('anna', 'approver')])).toEqual([]);
});

it('a pair that holds suffices, whatever else was signed, and a pair with reasons among others', () => {
  const stray = [said('zoe', 'author'), said('bohdan', 'author'), '{}'];
  const verdict = verifyApproval([...stray, AUTHOR, APPROVER], SUBJECT, OFFICERS, NOW);
  expect(verdict).toMatchObject({
    ok: true,
    approvals: [{ officer: 'anna' }, { officer: 'bohdan' }],
    ignored: [
      { code: 'APPROVAL_OFFICER_UNKNOWN', officer: 'zoe' },
      { code: 'APPROVAL_ROLE_FOREIGN', officer: 'bohdan' },
      { code: 'APPROVAL_MALFORMED' },
    ],
  });
  const reason = 'court order of today';
  const vera = key();
  const three = parseOfficers(file({ vera: row('Віра', ['approver'], vera) }));
  const explained = [said('anna', 'author', { reason }), said('vera', 'approver', { reason }, vera)];
  expect(codes([APPROVER, ...explained], three, NOW + 1)).toEqual([]);
  expect(codes(['{}', AUTHOR, APPROVER], OFFICERS, NOW + 1)).toEqual([
    'APPROVAL_MALFORMED',
    'APPROVAL_LEAD_SHORT',
  ]);
});

it.each([
  ['nobody', [], ['APPROVAL_ROLE_MISSING']],
  ['the author alone', [AUTHOR], ['APPROVAL_ROLE_MISSING']],
  ['one person in both roles', [AUTHOR, said('anna', 'approver')], ['APPROVAL_SAME_PERSON']],
  [
    'a role that is not theirs',
    [said('bohdan', 'author'), said('anna', 'approver')],
    ['APPROVAL_ROLE_FOREIGN'],
  ],
  ['another city', [said('anna', 'author', { city: 'lviv' }), APPROVER], ['APPROVAL_OTHER_CITY']],
  [
    'another package',
    [said('anna', 'author', { packageHash: 'b'.repeat(64) }), APPROVER],
    ['APPROVAL_OTHER_PACKAGE'],
  ],
  ['another date', [said('anna', 'author', { validFromMs: NOW }), APPROVER], ['APPROVAL_OTHER_DATE']],
  ['a withdrawal', [said('anna', 'author', { act: 'withdraw' }), APPROVER], ['APPROVAL_OTHER_ACT']],
  ['a stranger', [said('zoe', 'author'), APPROVER], ['APPROVAL_OFFICER_UNKNOWN']],
  ['a forged key', [said('anna', 'author', {}, spare), APPROVER], ['APPROVAL_FORGED']],
  ['a changed statement', [AUTHOR.replace('ternopil', 'ternopol'), APPROVER], ['APPROVAL_FORGED']],
  ['bytes of another kind', ['{}', APPROVER], ['APPROVAL_MALFORMED']],
  [
    'an envelope of another officer',
    [AUTHOR.replace('"keyId":"anna"', '"keyId":"bohdan"'), APPROVER],
    ['APPROVAL_MALFORMED'],
  ],
  [
    'a signature before office',
    [said('anna', 'author', { atMs: Date.UTC(2025, 11, 31) }), APPROVER],
    ['APPROVAL_OFFICER_EXPIRED'],
  ],
  [
    'a signature just within the clock’s grace',
    [said('anna', 'author', { atMs: NOW + 300_000 }), APPROVER],
    [],
  ],
  [
    'a signature from the future',
    [said('anna', 'author', { atMs: NOW + 300_001 }), APPROVER],
    ['APPROVAL_FROM_FUTURE'],
  ],
  [
    'several faults at once',
    [said('anna', 'author', { city: 'x', validFromMs: 0 }), '{}'],
    ['APPROVAL_OTHER_CITY', 'APPROVAL_OTHER_DATE', 'APPROVAL_MALFORMED'],
  ],
] as const)('refuses %s', (_name, envelopes, expected) => {
  expect(codes([...envelopes])).toEqual(expected);
});

it('one key under two names is one key, one person under two spellings is one person', () => {
  const twins = parseOfficers(file({ bohdan: row('Богдан Мельник', ['approver'], anna) }));
  expect(codes([AUTHOR, said('bohdan', 'approver', {}, anna)], twins)).toEqual(['APPROVAL_SAME_KEY']);
  const same = parseOfficers(file({ bohdan: row('  АННА  Коваль ', ['approver'], bohdan) }));
  expect(codes([AUTHOR, APPROVER], same)).toEqual(['APPROVAL_SAME_PERSON']);
});

it('who has left office or lost the key signs nothing, whatever date is written', () => {
  const until = (ms: number) =>
    parseOfficers(file({ anna: row('A', ['author'], anna, { valid_until: new Date(ms).toISOString() }) }));
  expect(codes([AUTHOR, APPROVER], until(NOW + 1))).toEqual([]);
  expect(codes([AUTHOR, APPROVER], until(NOW))).toEqual(['APPROVAL_OFFICER_EXPIRED']);
  const revoked = (ms: number) =>
    parseOfficers(file({ anna: row('A', ['author'], anna, { revoked_from: new Date(ms).toISOString() }) }));
  expect(codes([AUTHOR, APPROVER], revoked(NOW + 1))).toEqual([]);
  expect(codes([AUTHOR, APPROVER], revoked(NOW))).toEqual(['APPROVAL_OFFICER_REVOKED']);
});

it('the date lies ahead by the lead, or both say why not', () => {
  expect(codes([AUTHOR, APPROVER], OFFICERS, NOW + 1)).toEqual(['APPROVAL_LEAD_SHORT']);
  const reason = 'court order of today';
  const [author, approver] = [said('anna', 'author', { reason }), said('bohdan', 'approver', { reason })];
  expect(codes([author, APPROVER], OFFICERS, NOW + 1)).toEqual(['APPROVAL_LEAD_SHORT']);
  expect(codes([author, approver], OFFICERS, NOW + 1000 * HOUR_MS)).toEqual([]);
  const slack = { ...SUBJECT, leadSlackMs: HOUR_MS };
  expect(codes([AUTHOR, APPROVER], OFFICERS, NOW + HOUR_MS, slack)).toEqual([]);
  expect(codes([AUTHOR, APPROVER], OFFICERS, NOW + HOUR_MS + 1, slack)).toEqual(['APPROVAL_LEAD_SHORT']);
});

it('a withdrawal comes before the date or not at all', () => {
  const subject = { ...SUBJECT, act: 'withdraw' as const };
  const both = [said('anna', 'author', { act: 'withdraw' }), said('bohdan', 'approver', { act: 'withdraw' })];
  expect(codes(both, OFFICERS, SUBJECT.validFromMs - 1, subject)).toEqual([]);
  expect(codes(both, OFFICERS, SUBJECT.validFromMs, subject)).toEqual(['APPROVAL_TOO_LATE']);
});

it.each([
  [
    'a private key',
    { public_key: anna.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() },
    /private key/,
  ],
  [
    'another kind of key',
    {
      public_key: generateKeyPairSync('x25519').publicKey.export({ type: 'spki', format: 'pem' }).toString(),
    },
    /Ed25519/,
  ],
  ['no key', { public_key: 'x' }, /Ed25519/],
  ['a month that is none', { valid_from: '2026-13-01T00:00:00Z' }, /valid_from/],
  ['a day that is none', { revoked_from: '2026-02-30T00:00:00Z' }, /revoked_from/],
  ['a misspelt word', { revoked: '2026-01-01T00:00:00Z' }, /revoked/],
])('officers.yaml with %s is refused', (_name, more, message) => {
  expect(() => parseOfficers(file({ anna: row('A', ['author'], anna, more) }))).toThrow(message);
});
