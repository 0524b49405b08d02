import { afterAll, beforeAll, expect, test } from 'vitest';
import { tapIdOf, tapRow, token } from './support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from './support/engine-database.ts';

let engine: EngineDatabase;
beforeAll(async () => {
  engine = await openEngineDatabase();
});
afterAll(() => engine.close());

const MORNING = Date.UTC(2025, 9, 14, 5, 0);

test('a tap in the inbox becomes a decision, a posting and an audit leaf', async () => {
  await engine.deliver([tapRow({ seq: 1, atMs: MORNING, stopId: 's1' })]);
  await engine.drain();
  const { rows } = await engine.admin.query(
    'SELECT tap_id, rider_minor, revision, kind, medium_kind, flags FROM fare.published_tap',
  );
  expect(rows).toEqual([
    {
      tap_id: tapIdOf('val-1', 1),
      rider_minor: 1200n,
      revision: 1,
      kind: 'ride',
      medium_kind: 'social',
      flags: [],
    },
  ]);
  const posted = await engine.admin.query(
    'SELECT posting_id, credit_account, amount_minor FROM fare.posting',
  );
  expect(posted.rows).toEqual([
    {
      posting_id: `${tapIdOf('val-1', 1)}#1.rider`,
      credit_account: 'suspense:no-carrier',
      amount_minor: 1200n,
    },
  ]);
  const leaf = await engine.admin.query('SELECT bytes FROM fare.audit_leaf');
  expect(JSON.parse(leaf.rows[0].bytes)).toMatchObject({ kind: 'decision', rider: '1200' });
});

test('a transfer decided first and its ride delivered later end as if they had come in order', async () => {
  const second = token(2);
  await engine.deliver([tapRow({ device: 'val-2', seq: 2, atMs: MORNING + 20 * 60_000, token: second })]);
  await engine.drain();
  await engine.deliver([
    tapRow({ device: 'val-2', seq: 1, atMs: MORNING, token: second, vehicleId: 'bus-2' }),
  ]);
  await engine.drain();
  const { rows } = await engine.admin.query(
    "SELECT tap_id, revision, kind, rider_minor FROM fare.published_tap WHERE device_id = 'val-2' ORDER BY tap_id",
  );
  expect(rows).toEqual([
    { tap_id: tapIdOf('val-2', 1), revision: 1, kind: 'ride', rider_minor: 1200n },
    { tap_id: tapIdOf('val-2', 2), revision: 2, kind: 'transfer', rider_minor: 0n },
  ]);
  const checks = await engine.admin.query('SELECT * FROM fare.published_reconciliation WHERE amount <> 0');
  expect(checks.rows).toEqual([]);
});
