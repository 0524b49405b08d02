/** kill -9 between every two steps of enrolment and renewal: the folder is old or new, and the next try comes through. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { holdIdentity } from '../../../edge-agent/adapters/device-identity.ts';
import { enrolDeviceFolder } from '../../../edge-agent/adapters/enrol-device.ts';
import { loadDevice } from '../../../edge-agent/adapters/load-device.ts';
import type { EnrolChildOrder } from './enrol-child.ts';
import { type EnrolmentRig, startEnrolmentRig } from './rig.ts';

let rig: EnrolmentRig;
beforeAll(async () => {
  rig = await startEnrolmentRig();
});
afterAll(() => rig?.stop());

const CHILD = fileURLToPath(new URL('enrol-child.ts', import.meta.url));
const log = createLogger({ component: 'test', level: 'silent' });

/** Runs the child; gives the signal or code that ended it. */
async function strike(order: EnrolChildOrder, point: string): Promise<NodeJS.Signals | number | null> {
  const child = spawn(process.execPath, [CHILD, JSON.stringify(order), point], { stdio: 'ignore' });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return signal ?? code;
}

const certificates = async (deviceId: string): Promise<number> => {
  const { rowCount } = await rig.admin.query('SELECT 1 FROM ingest.client_certificate WHERE client_id = $1', [
    deviceId,
  ]);
  return rowCount ?? 0;
};

describe('power cut while a device is enrolled', () => {
  it.each([
    ['enrol.after-keys', false],
    ['enrol.after-answer', false],
    ['enrol.after-tls', false],
    ['enrol.before-switch', false],
    ['enrol.after-switch', true],
  ])('at %s: the folder is a device: %s; the same command ends it', async (point, whole) => {
    const deviceId = `cut-${point.replaceAll('.', '-')}`;
    const deviceDir = join(rig.folder, deviceId);
    const order = {
      url: rig.enrolment.url,
      code: await rig.newCode(deviceId),
      caSha256: rig.caSha256,
      deviceDir,
    };
    expect(await strike({ do: 'enrol', ...order }, point)).toBe('SIGKILL');
    expect(existsSync(join(deviceDir, 'device.json'))).toBe(whole);
    if (whole) expect(loadDevice(deviceDir).deviceId).toBe(deviceId);
    else expect(() => loadDevice(deviceDir)).toThrow(/DEVICE_FOLDER_INVALID/);
    expect(await enrolDeviceFolder(order)).toBe(deviceId);
    expect(loadDevice(deviceDir).deviceId).toBe(deviceId);
    expect(await certificates(deviceId)).toBe(1);
  });
});

describe('power cut while a device renews', () => {
  it.each([
    ['renew.after-keys', 'old', 2],
    ['renew.after-answer', 'old', 2],
    ['renew.before-switch', 'old', 2],
    ['renew.after-switch', 'new', 3],
  ])('at %s: the folder is %s and whole; the next renewal comes through', async (point, state, issued) => {
    const deviceId = `cut-${point.replaceAll('.', '-')}`;
    const deviceDir = await rig.enrol(deviceId);
    const before = loadDevice(deviceDir);
    expect(await strike({ do: 'renew', deviceDir }, point)).toBe('SIGKILL');
    const after = loadDevice(deviceDir);
    expect(after.certificate?.cert === before.certificate?.cert).toBe(state === 'old');
    expect(after.privateKey.equals(before.privateKey)).toBe(state === 'old');
    expect(await holdIdentity(after, { deviceDir, log }).renew()).toBe('renewed');
    expect(loadDevice(deviceDir).certificate?.cert).not.toBe(after.certificate?.cert);
    expect(await certificates(deviceId)).toBe(issued);
  });
});
