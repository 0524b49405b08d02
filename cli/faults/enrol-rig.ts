/** Makes the devices of a rig known: their keys to ingest, and where each rides to the fare engine. */
import type pg from 'pg';
import type { CityData } from '#platform/city-data.ts';
import { registerDevices } from '../../ingest/main.ts';
import type { EnrolledDevice } from '../city/enrol-devices.ts';
import type { InboxCommand } from '../city/office.ts';

const DAY_MS = 86_400_000;

/** Registers everything as known since a day ago. */
export async function enrolRig(
  officePool: pg.Pool,
  office: (command: InboxCommand) => Promise<void>,
  data: CityData,
  devices: readonly EnrolledDevice[],
  nowMs: number,
): Promise<void> {
  const validFromMs = nowMs - DAY_MS;
  await registerDevices(
    officePool,
    devices.map(({ deviceId, publicKeyPem }) => ({ deviceId, publicKeyPem, keyId: 'k1', validFromMs })),
  );
  for (const { deviceId, vehicleId, carrierId } of data.devices) {
    const payload = { deviceId, vehicleId, carrierId, validFromMs };
    await office({ commandId: crypto.randomUUID(), kind: 'assign-device', payload });
  }
}
