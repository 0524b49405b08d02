/** A name is one client in one role; and whoever takes a device out of service waits for what happens to it just then. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inTransaction } from '#platform/postgres.ts';
import { openCertificate, openCityCa } from '../../../cli/city/device-ca.ts';
import { recordClients, revokeService } from '../../../ingest/enrolment/adapters/device-office.ts';
import { lockDevice, openEnrolmentStore } from '../../../ingest/enrolment/adapters/enrolment-store.ts';
import { until } from '../../support/until.ts';
import { type EnrolmentRig, startEnrolmentRig } from './rig.ts';

let rig: EnrolmentRig;
beforeAll(async () => {
  rig = await startEnrolmentRig({ refusalsPerAddressMax: 1000 });
});
afterAll(() => rig?.stop());

/** Records a part of the city, as `kvytok ca service` does. */
async function recordService(name: string): Promise<void> {
  const secrets = join(rig.folder, 'secrets');
  const { certificate } = await openCertificate(await openCityCa(secrets), secrets, {
    name,
    use: { kind: 'client' },
  });
  await recordClients(rig.office, [{ role: 'ingest', certificate }]);
}

async function standing(clientId: string): Promise<{ role: string; certificates: number }[]> {
  const { rows } = await rig.admin.query(
    `SELECT role, count(*)::int AS certificates FROM ingest.published_broker_client WHERE client_id = $1 GROUP BY role`,
    [clientId],
  );
  return rows;
}

describe('the name of a part of the city', () => {
  it('gets no code as a device', async () => {
    await recordService('ingest-a');
    await expect(rig.newCode('ingest-a')).rejects.toMatchObject({ code: 'CLIENT_ROLE_TAKEN' });
  });

  it('is not taken over by a code from before: the part keeps its certificate', async () => {
    const early = await rig.newCode('ingest-b');
    await recordService('ingest-b');
    const deviceDir = join(rig.folder, 'ingest-b');
    await expect(rig.enrolWith(early, deviceDir)).rejects.toMatchObject({ code: 'ENROLMENT_REFUSED' });
    expect(await standing('ingest-b')).toEqual([{ role: 'ingest', certificates: 1 }]);
  });

  it('cannot be that of a device', async () => {
    await rig.enrol('val-name');
    await expect(recordService('val-name')).rejects.toMatchObject({ code: 'CLIENT_ROLE_TAKEN' });
    expect(await standing('val-name')).toEqual([{ role: 'device', certificates: 1 }]);
  });
});

describe('taking back by the wrong name', () => {
  const order = { reason: 'test', nowMs: Date.now() };
  it('a part of the city is no device: the error names the command for it, and it goes on', async () => {
    await recordService('ingest-c');
    await expect(rig.revoke('ingest-c')).rejects.toMatchObject({
      code: 'CLIENT_NOT_A_DEVICE',
      todo: expect.stringContaining('kvytok ca revoke ingest-c'),
    });
    expect(await standing('ingest-c')).toEqual([{ role: 'ingest', certificates: 1 }]);
    expect(await revokeService(rig.office, { clientId: 'ingest-c', ...order })).toBe(1);
    expect(await standing('ingest-c')).toEqual([]);
    expect(await revokeService(rig.office, { clientId: 'ingest-c', ...order })).toBe(0);
  });

  it.each(['val-part', 'nobody'])('%s is no part of the city', async (clientId) => {
    if (clientId === 'val-part') await rig.enrol(clientId);
    await expect(revokeService(rig.office, { clientId, ...order })).rejects.toMatchObject({
      code: 'CLIENT_NOT_A_SERVICE',
      todo: expect.stringContaining('kvytok device revoke'),
    });
    expect(await standing(clientId)).toHaveLength(clientId === 'val-part' ? 1 : 0);
  });
});

/** The next certificate of a device, as renewal would issue it. */
async function successor(deviceId: string) {
  const store = openEnrolmentStore(rig.office);
  const newest = await store.newestCertificate(deviceId);
  if (newest === undefined) throw new Error(`${deviceId} has no certificate`);
  const issuedAtMs = Date.now();
  const times = { notBeforeMs: issuedAtMs, notAfterMs: issuedAtMs + 60_000, issuedAtMs };
  const serial = `${newest.serial.slice(0, -4)}beef`;
  const { clientId, tlsKeySha256, certificatePem } = newest;
  const certificate = { serial, clientId, tlsKeySha256, certificatePem, ...times };
  return {
    serial,
    renew: () => store.renew({ after: newest.serial, certificate, key: undefined, oldKeysUntilMs: 0 }),
  };
}

describe('taking a device out of service', () => {
  it('waits for a renewal under way, and takes back what that has recorded', async () => {
    await rig.enrol('val-wait');
    const { serial } = await successor('val-wait');
    let revoked: Promise<void> | undefined;
    await inTransaction(rig.office, async (client) => {
      await lockDevice(client, 'val-wait');
      revoked = rig.revoke('val-wait');
      await until(async () => {
        const waiting = await rig.admin.query(
          // Of this database alone: other files wait for locks on the same server.
          `SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
             AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        );
        return waiting.rowCount === 1;
      });
      await client.query(
        `INSERT INTO ingest.client_certificate SELECT $1, client_id, tls_key_sha256, not_before_ms, not_after_ms,
         issued_at_ms + 1, certificate_pem FROM ingest.client_certificate WHERE client_id = 'val-wait'`,
        [serial],
      );
    });
    await revoked;
    expect(await standing('val-wait')).toEqual([]);
  });

  it.each([
    [-1, 'done'],
    [0, 'taken'],
  ])('%d ms after its certificate was issued: a renewal is %s', async (afterMs, outcome) => {
    const deviceId = `val-gone${afterMs}`;
    await rig.enrol(deviceId);
    await rig.admin.query(
      `INSERT INTO ingest.device_revocation SELECT client_id, issued_at_ms + $2, 'stolen', 'test'
       FROM ingest.client_certificate WHERE client_id = $1`,
      [deviceId, afterMs],
    );
    // Its code is older than both, as the office would have made it.
    await rig.admin.query('UPDATE ingest.enrolment_code SET issued_at_ms = 0 WHERE device_id = $1', [
      deviceId,
    ]);
    expect(await (await successor(deviceId)).renew()).toBe(outcome);
  });

  it('does not hold up a device that a later code brought back, whatever the clocks say', async () => {
    await rig.enrol('val-back');
    await rig.admin.query(
      `INSERT INTO ingest.device_revocation VALUES ('val-back', 9000000000000, 'lost', 'test')`,
    );
    await rig.admin.query(
      `UPDATE ingest.enrolment_code SET issued_at_ms = 9000000000001 WHERE device_id = 'val-back'`,
    );
    expect(await (await successor('val-back')).renew()).toBe('done');
  });
});
