/** A name is one client in one role; and whoever takes a device out of service waits for what happens to it just then. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCertificate, openCityCa } from '../../../cli/city/device-ca.ts';
import { recordClients } from '../../../ingest/enrolment/adapters/device-office.ts';
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
