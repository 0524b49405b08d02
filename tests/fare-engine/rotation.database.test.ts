/** A token key rotates while buses are in the city, away and late: accounts and denials stay, in any order. */
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import * as denyCommand from '../../cli/commands/deny.ts';
import { advanceDenyList } from '../../fare-engine/adapters/postgres-deny-list.ts';
import { derivedAccountId } from '../../fare-engine/facts/account-of.ts';
import { showDenials } from '../../fare-engine/show-denials.ts';
import { runCommand } from '../support/command-io.ts';
import { tapRow, token } from './support/a-record.ts';
import { answered } from './support/answered.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';
import { command } from './support/submit.ts';

const MORNING = Date.UTC(2025, 9, 14, 6);
const HOUR_MS = 3_600_000;
let engine: EngineDatabase;
let n = 100;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

/** A medium of its own with its tokens under the first and the second key, and a validator. */
function own() {
  n += 1;
  return { device: `val-${n}`, old: token(n), now: token(n + 5000, 2), person: `person-${n}` };
}

async function owners(...devices: string[]): Promise<string[]> {
  const { rows } = await engine.admin.query<{ account_id: string }>(
    `SELECT DISTINCT d.account_id FROM fare.latest_decision d JOIN fare.tap t USING (tap_id)
      WHERE t.device_id = ANY ($1) AND d.kind <> 'withdrawn' ORDER BY 1`,
    [devices],
  );
  return rows.map((row) => row.account_id);
}

async function denied(tokenId: string): Promise<boolean> {
  while ((await advanceDenyList(engine.pool, engine.clock.nowMs())) > 0);
  const { rowCount } = await engine.admin.query('SELECT FROM fare.deny_published WHERE token_id = $1', [
    tokenId,
  ]);
  return rowCount === 1;
}

describe('a medium that is read under a new key', () => {
  const taps = ({ device, old, now }: ReturnType<typeof own>) => [
    tapRow({ device, seq: 1, atMs: MORNING, token: old }),
    tapRow({ device, seq: 2, atMs: MORNING + 2 * HOUR_MS, token: now }),
    tapRow({ device, seq: 3, atMs: MORNING + 4 * HOUR_MS, token: now, formerToken: old }),
    tapRow({ device, seq: 4, atMs: MORNING + 6 * HOUR_MS, token: now, formerToken: old }),
  ];

  it.each([[[0, 1, 2, 3]], [[3, 2, 1, 0]], [[1, 3, 0, 2]], [[1, 0, 3, 2]]])(
    'keeps its account when records come in the order %j',
    async (order) => {
      const medium = own();
      const rows = taps(medium);
      for (const at of order) {
        await engine.deliver([rows[at] as (typeof rows)[number]]);
        await engine.drain();
      }
      expect(await owners(medium.device)).toEqual([derivedAccountId(medium.old)]);
      const { rows: facts } = await engine.admin.query(
        'SELECT former_token_id, min(known_from_ms) AS known FROM fare.medium_succession WHERE token_id = $1 GROUP BY 1',
        [medium.now],
      );
      expect(facts).toEqual([{ former_token_id: medium.old, known: BigInt(MORNING + 4 * HOUR_MS + 1000) }]);
    },
  );

  it('says it once, however often its records come', async () => {
    const medium = own();
    for (const _ of [1, 2, 3]) {
      await engine.deliver([...taps(medium), ...taps(medium)]);
      await engine.drain();
    }
    const { rowCount } = await engine.admin.query('SELECT FROM fare.medium_succession WHERE token_id = $1', [
      medium.now,
    ]);
    expect(rowCount).toBe(1);
  });

  it('rides on the account that either token is linked to, also when that is said afterwards', async () => {
    for (const linked of ['old', 'now'] as const) {
      const medium = own();
      await engine.deliver(taps(medium));
      await engine.drain();
      await command(engine, 'link-medium', {
        tokenId: medium[linked],
        accountId: medium.person,
        validFromMs: 0,
      });
      await engine.drain();
      expect(await owners(medium.device)).toEqual([medium.person]);
    }
    const before = own();
    await command(engine, 'link-medium', { tokenId: before.old, accountId: before.person, validFromMs: 0 });
    await engine.deliver(taps(before));
    await engine.drain();
    expect(await owners(before.device)).toEqual([before.person]);
  });

  it('stays denied, and is allowed again, under both tokens', async () => {
    const medium = own();
    const deny = { reason: 'lost', scope: 'all', validFromMs: 0 };
    await command(engine, 'deny-medium', { tokenId: medium.old, ...deny });
    expect([await denied(medium.old), await denied(medium.now)]).toEqual([true, false]);
    await engine.deliver(taps(medium));
    await engine.drain();
    expect([await denied(medium.old), await denied(medium.now)]).toEqual([true, true]);
    // By the command line too, though its word was about the other token.
    const env = {
      KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'),
      KVYTOK_OFFICE_POSTGRES_URL: engine.database.url('office_runtime'),
    };
    const allow = () => runCommand(denyCommand, ['remove', medium.now], '', '.', env);
    expect((await answered(engine, allow)).code).toBe(0);
    expect([await denied(medium.old), await denied(medium.now)]).toEqual([false, false]);
    await command(engine, 'deny-medium', { tokenId: medium.now, ...deny });
    const { facts } = await showDenials(engine.admin, medium.old);
    expect(facts.map((fact) => (fact as { action: string }).action)).toEqual(['deny', 'allow', 'deny']);
    expect([await denied(medium.old), await denied(medium.now)]).toEqual([true, true]);
  });

  it('hands its account to the card that replaces it, whichever token the office names', async () => {
    const medium = own();
    await engine.deliver(taps(medium));
    await engine.drain();
    const successor = own();
    await command(engine, 'replace-medium', {
      tokenId: successor.now,
      replacesTokenId: medium.now,
      validFromMs: MORNING + 8 * HOUR_MS,
    });
    await engine.deliver([
      tapRow({ device: successor.device, seq: 1, atMs: MORNING + 9 * HOUR_MS, token: successor.now }),
    ]);
    await engine.drain();
    expect(await owners(successor.device)).toEqual([derivedAccountId(medium.old)]);
    expect(await denied(medium.old)).toBe(true);
  });
});

test('a succession is known at a close for which its record still waited', async () => {
  const medium = own();
  const { device, old, now } = medium;
  await engine.deliver([tapRow({ device, seq: 2, atMs: MORNING + 2 * HOUR_MS, token: now })]);
  await engine.drain();
  expect(await owners(medium.device)).toEqual([derivedAccountId(medium.now)]);
  await engine.deliver([
    tapRow({ device, seq: 3, atMs: MORNING + 4 * HOUR_MS, token: now, formerToken: old }),
  ]);
  engine.clock.setWall(MORNING + 90 * HOUR_MS);
  await command(engine, 'close-day', { fareDay: '2025-10-14' });
  await engine.drain();
  expect(await owners(medium.device)).toEqual([derivedAccountId(medium.old)]);
  // Said after the close: what rode on the closed day stays.
  const other = own();
  await engine.deliver([tapRow({ device: other.device, seq: 1, atMs: MORNING, token: other.now })]);
  await engine.drain();
  const afterMs = MORNING + 100 * HOUR_MS;
  await engine.deliver([
    tapRow({ device: other.device, seq: 2, atMs: afterMs, token: other.now, formerToken: other.old }),
  ]);
  await engine.drain();
  expect((await owners(other.device)).sort()).toEqual(
    [derivedAccountId(other.now), derivedAccountId(other.old)].sort(),
  );
});
