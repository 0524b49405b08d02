/** What was taken back before a database knew of it: when the withdrawal counts there, and when it does not. */
import { generateKeyPairSync } from 'node:crypto';
import { expect, it } from 'vitest';
import type { TariffStatement } from '#contracts/tariff-approval.ts';
import { signStatement } from '../../../cli/tariff/statement-files.ts';
import { judgePackages } from '../../../fare-engine/tariff-life/judge-packages.ts';
import { parseOfficers } from '../../../fare-engine/tariff-life/officers-file.ts';
import { packageOf } from '../../support/tariff.ts';

const HOUR_MS = 3_600_000;
const DRAFTED = packageOf();
const FROM = DRAFTED.validFromMs;
/** A month after the package's date. */
const NOW = FROM + 30 * 24 * HOUR_MS;
const KEYS = { anna: generateKeyPairSync('ed25519'), bohdan: generateKeyPairSync('ed25519') };
type Who = keyof typeof KEYS;

const officers = (more: Partial<Record<Who, object>> = {}) =>
  parseOfficers({
    v: 1,
    lead_hours: 0,
    officers: Object.fromEntries(
      (['anna', 'bohdan'] as const).map((who) => [
        who,
        {
          person: who,
          roles: ['author', 'approver'],
          public_key: KEYS[who].publicKey.export({ type: 'spki', format: 'pem' }).toString(),
          valid_from: '2000-01-01T00:00:00Z',
          valid_until: '2100-01-01T00:00:00Z',
          ...more[who],
        },
      ]),
    ),
  });

function signed(act: TariffStatement['act'], atMs: number): string[] {
  return (['anna', 'bohdan'] as const).map((officer) =>
    signStatement(
      {
        ...{ v: 1, act, city: 'ternopil', packageHash: DRAFTED.hash, validFromMs: FROM, officer, atMs },
        role: officer === 'anna' ? 'author' : 'approver',
        reason: 'for the test',
      },
      KEYS[officer].privateKey,
    ),
  );
}

/** On a database that knows nothing of the package, a month after its date. */
function judged(
  withdrawnAtMs: number,
  more: Parameters<typeof officers>[0] = {},
  activated = false,
  beside: readonly string[] = [],
) {
  const result = judgePackages(
    [DRAFTED],
    { activated: new Set(activated ? [DRAFTED.hash] : []), withdrawn: new Set() },
    {
      city: 'ternopil',
      officers: officers(more),
      statements: (_hash, act) =>
        act === 'withdraw' ? [...signed(act, withdrawnAtMs), ...beside] : signed(act, FROM - HOUR_MS),
    },
    NOW,
  );
  const codes = result.refused.flatMap(({ act, problems }) => problems.map(({ code }) => `${act} ${code}`));
  return { prices: result.allowed.length === 1, codes };
}

it('a withdrawal of before the date holds on a new database, also when an officer has left since', () => {
  expect(judged(FROM - 1)).toEqual({ prices: false, codes: [] });
  const left = { anna: { valid_until: new Date(FROM).toISOString() } };
  expect(judged(FROM - 1, left)).toEqual({ prices: false, codes: [] });
});

it('one of after the date does not', () => {
  expect(judged(FROM)).toEqual({ prices: true, codes: ['withdraw APPROVAL_TOO_LATE'] });
});

it('it holds whatever was signed later beside it, by an officer or by nobody', () => {
  const [again] = signed('withdraw', NOW) as [string];
  const stranger = signStatement(
    {
      ...{ v: 1, act: 'withdraw', city: 'ternopil', packageHash: DRAFTED.hash, validFromMs: FROM },
      ...{ officer: 'nobody', role: 'author', atMs: NOW, reason: 'none' },
    },
    generateKeyPairSync('ed25519').privateKey,
  );
  for (const beside of [[again], [stranger], [stranger, again, 'no statement']])
    expect(judged(FROM - 1, {}, false, beside)).toEqual({ prices: false, codes: [] });
  expect(judged(FROM, {}, false, [again]).prices).toBe(true);
});

it('a key that was revoked since then withdraws nothing, whatever date it wrote', () => {
  const revoked = (ms: number) => ({ bohdan: { revoked_from: new Date(ms).toISOString() } });
  expect(judged(FROM - 1, revoked(NOW + 1))).toEqual({ prices: false, codes: [] });
  for (const ms of [NOW, FROM + 1, FROM])
    expect(judged(FROM - 1, revoked(ms)).codes).toContain('withdraw APPROVAL_OFFICER_REVOKED');
});

it('a date that is still to come is nobody’s', () => {
  const early = judgePackages(
    [DRAFTED],
    { activated: new Set(), withdrawn: new Set() },
    {
      city: 'ternopil',
      officers: officers(),
      statements: (_hash, act) => signed(act, act === 'withdraw' ? FROM - 1 : FROM - 3 * HOUR_MS),
    },
    FROM - 2 * HOUR_MS,
  );
  expect(early.allowed).toHaveLength(1);
  expect(early.refused[0]?.problems[0]?.code).toBe('APPROVAL_FROM_FUTURE');
});

it('a package that prices here is taken back now or never', () => {
  expect(judged(FROM - 1, {}, true)).toEqual({ prices: true, codes: ['withdraw APPROVAL_TOO_LATE'] });
});
