import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPool } from '#platform/postgres.ts';
import { registerDevices } from '../../ingest/main.ts';
import { type City, startCity } from './harness.ts';
import { createJournal } from './journal.ts';

let city: City;
beforeAll(async () => {
  city = await startCity([]);
});
afterAll(() => city?.stop());

describe('what the database allows', () => {
  const FACTS = [
    'device_key',
    'device_key_revocation',
    'record',
    'quarantine',
    'incarnation',
    'link_fork',
    'branch_record',
    'epoch_key',
    'command_outcome',
  ];

  const COLUMNS: Readonly<Record<string, string>> = {
    incarnation: 'begun_at_ms',
    command_outcome: 'done_at_ms',
  };

  it.each(FACTS)('ingest can neither change nor delete rows of %s', async (table) => {
    const pool = createPool({ url: city.database.url('ingest_runtime'), applicationName: 'test', max: 1 });
    for (const sql of [
      `DELETE FROM ingest.${table}`,
      `TRUNCATE ingest.${table}`,
      `DROP TABLE ingest.${table}`,
      `UPDATE ingest.${table} SET ${COLUMNS[table] ?? 'device_id'} = NULL`,
    ]) {
      await expect(pool.query(sql)).rejects.toMatchObject({ code: '42501' });
    }
    await pool.end();
  });

  it('ingest cannot make a device known, nor read or empty the inbox of the fare engine', async () => {
    const pool = createPool({ url: city.database.url('ingest_runtime'), applicationName: 'test', max: 1 });
    const registration = {
      deviceId: 'val-x',
      keyId: 'k1',
      publicKeyPem: createJournal('val-x').publicKeyPem,
      validFromMs: 0,
    };
    await expect(registerDevices(pool, [registration])).rejects.toMatchObject({ code: '42501' });
    await expect(pool.query('SELECT * FROM fare.record_inbox')).rejects.toMatchObject({ code: '42501' });
    await expect(pool.query('DELETE FROM fare.record_inbox')).rejects.toMatchObject({ code: '42501' });
    await pool.end();
  });

  it('the portal reads the published views and no table', async () => {
    const pool = createPool({ url: city.database.url('portal_runtime'), applicationName: 'test', max: 1 });
    const { rows } = await pool.query('SELECT * FROM ingest.published_counts');
    expect(rows[0]).toMatchObject({
      records: expect.any(BigInt),
      taps: expect.any(BigInt),
      quarantined: expect.any(BigInt),
    });
    await expect(pool.query('SELECT * FROM ingest.record')).rejects.toMatchObject({ code: '42501' });
    await pool.end();
  });

  it('a key once registered is never replaced', async () => {
    const office = createPool({ url: city.database.url('office_runtime'), applicationName: 'test', max: 1 });
    const make = () => ({
      deviceId: 'val-y',
      keyId: 'k1',
      publicKeyPem: createJournal('val-y').publicKeyPem,
      validFromMs: 0,
    });
    const first = make();
    const outcome = async (registration: typeof first) =>
      (await registerDevices(office, [registration]))[0]?.outcome;
    expect([await outcome(first), await outcome(first), await outcome(make())]).toEqual([
      'registered',
      'known',
      'conflict',
    ]);
    await expect(registerDevices(office, [{ ...first, publicKeyPem: 'no key' }])).rejects.toThrow();
    await office.end();
  });
});
