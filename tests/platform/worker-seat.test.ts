import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { openSeat, type Seat, type SeatOptions } from '#platform/worker-seat.ts';
import { startTcpProxy } from '../../simulators/faults/tcp-proxy.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { until } from '../support/until.ts';

let database: TestDatabase;
let admin: pg.Client;
const seats: Seat[] = [];
beforeAll(async () => {
  database = await openTestDatabase();
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
});
afterEach(async () => {
  await Promise.all(seats.splice(0).map((seat) => seat.stop()));
});
afterAll(async () => {
  await admin.end();
  await database.close();
});

async function sit(seat: string, more: Partial<SeatOptions> = {}): Promise<Seat> {
  const log = createLogger({ component: 'seat', level: 'silent' });
  const url = database.url('ingest_runtime');
  const taken = await openSeat({ url, room: 'test', seat, log, everyMs: 25, ...more });
  seats.push(taken);
  return taken;
}

describe('a seat', () => {
  it('is taken by one, and by the next when that one leaves', async () => {
    const [first, second] = [await sit('publisher'), await sit('publisher')];
    expect([first.mine(), second.mine()]).toEqual([true, false]);
    await first.stop();
    expect(first.mine()).toBe(false);
    await until(() => second.mine());
  });

  it('shows who else sits in the room, and nobody of another room', async () => {
    const [one, two] = [await sit('one'), await sit('two')];
    const elsewhere = await sit('one', { room: 'other' });
    await until(() => one.seated().length === 2 && two.seated().length === 2);
    expect(one.seated()).toEqual(two.seated());
    expect([...one.seated()]).toEqual([one.number, two.number].sort((a, b) => a - b));
    expect(elsewhere.seated()).toEqual([elsewhere.number]);
    await two.stop();
    await until(() => one.seated().length === 1);
  });

  it('is lost with its session, and taken again', async () => {
    // It may be taken again before anybody looks: what is said of it is what is waited for.
    const said: string[] = [];
    const write = (line: string) => void said.push(JSON.parse(line).msg);
    const log = createLogger({ component: 'seat', write });
    const seat = await sit('publisher', { log });
    expect(seat.mine()).toBe(true);
    await admin.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kvytok-seat-test' AND datname = current_database()",
    );
    await until(() => said.length >= 3, { what: 'the seat to be taken again' });
    expect(said.slice(0, 3)).toEqual(['seat.taken', 'seat.lost', 'seat.taken']);
    await until(() => seat.mine());
  });

  it('falls to the next when the network of its holder hangs, without a word from anybody', async () => {
    const { hostname, port } = new URL(database.url('ingest_runtime'));
    const wire = await startTcpProxy({ target: { host: hostname, port: Number(port) } });
    const far = new URL(database.url('ingest_runtime'));
    far.port = String(wire.port);
    const first = await sit('publisher', { url: far.href, silentMsMax: 300 });
    // A machine that is slow for 300 ms takes the seat from its holder, who takes it again: nobody else has come yet.
    await until(() => first.mine());
    wire.turn({ kind: 'half-open' });
    const second = await sit('publisher', { silentMsMax: 300 });
    await until(() => second.mine());
    // The first finds out at the end of its own patience.
    await until(() => !first.mine());
    await wire.stop();
  });

  it('waits for a database that is away', async () => {
    const wire = await startTcpProxy({ target: { host: '127.0.0.1', port: 1 } });
    const nowhere = new URL(database.url('ingest_runtime'));
    nowhere.port = String(wire.port);
    const seat = await sit('publisher', { url: nowhere.href });
    expect([seat.mine(), seat.seated()]).toEqual([false, []]);
    await wire.stop();
  });
});
