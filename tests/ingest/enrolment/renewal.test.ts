/** Certificates and keys that follow each other, and an end that is felt everywhere. */
import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordId } from '#contracts/ids.ts';
import { nextInspectionKeys, parseNetworkKeys, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { createLogger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import { holdIdentity } from '../../../edge-agent/adapters/device-identity.ts';
import { loadDevice } from '../../../edge-agent/adapters/load-device.ts';
import { until } from '../../support/until.ts';
import { runAgent } from './agent.ts';
import { type EnrolmentRig, HOUR_MS, startEnrolmentRig } from './rig.ts';

let rig: EnrolmentRig;
beforeAll(async () => {
  rig = await startEnrolmentRig({ refusalsPerAddressMax: 1000 });
  await rig.startIngest();
});
afterAll(() => rig?.stop());

const run = (deviceDir: string, probe?: Probe) => runAgent(rig, deviceDir, probe);

async function held(): Promise<Set<string>> {
  const { rows } = await rig.admin.query('SELECT device_id, epoch, seq FROM ingest.record');
  return new Set(rows.map((row) => recordId(row.device_id, row.epoch, row.seq)));
}

/** Makes the office's word reach the broker's file without waiting for its next look. */
const inStep = () => rig.identities.follower.refresh();

/** How many devices ingest found each time when something had changed in its registry. */
const registryReads = (): number[] =>
  [...rig.logged().matchAll(/"devices":(\d+)[^\n]*"ingest\.registry\.read"/g)].map(([, n]) => Number(n));

/** Takes a device out of service that has just been enrolled; resolves when ingest has looked at its registry since. */
async function revoked(deviceId: string): Promise<void> {
  const { rows } = await rig.admin.query('SELECT count(DISTINCT device_id)::int AS n FROM ingest.device_key');
  // What it reads because of the enrolment is not taken for what it reads because of the end.
  await until(() => registryReads().at(-1) === rows[0].n, { what: 'ingest knows the device' });
  const before = registryReads().length;
  await rig.revoke(deviceId);
  await until(() => registryReads().length > before, { what: 'ingest knows' });
}

describe('a renewal', () => {
  it('replaces both keys while taps go on, none is lost, and the next start goes on from there', async () => {
    const dir = await rig.enrol('ren-1');
    const before = loadDevice(dir);
    const one = await run(dir);
    const greens = [await one.tap(1)];
    expect(await one.edge.renewNow()).toBe('renewed');
    greens.push(await one.tap(2));
    await one.delivered();
    await one.stop();
    const after = loadDevice(dir);
    expect(after.certificate?.cert).not.toBe(before.certificate?.cert);
    expect(after.privateKey.equals(before.privateKey)).toBe(false);
    expect(readdirSync(dir).filter((name) => name.startsWith('tls-'))).toHaveLength(3);
    await inStep();
    const two = await run(dir);
    greens.push(await two.tap(3));
    await two.delivered();
    await two.stop();
    const there = await held();
    expect(greens.filter((id) => !there.has(id))).toEqual([]);
    const { rows } = await rig.admin.query(
      `SELECT reason FROM ingest.device_key_revocation WHERE device_id = 'ren-1'`,
    );
    expect(rows).toEqual([{ reason: 'replaced' }]);
    expect(one.lines.join('')).not.toMatch(/PRIVATE KEY/);
  });

  it("brings the city's next inspection key to inspectors, and its vehicle's to each validator", async () => {
    const dirs = [await rig.enrol('ren-net'), join(rig.folder, 'ren-insp')] as const;
    await rig.enrolWith(await rig.newCode('ren-insp', { inspector: true }), dirs[1]);
    const before = rig.inspectionKeys;
    const next = nextInspectionKeys(before, Buffer.alloc(32, 6), Date.now() + HOUR_MS);
    rig.inspectionKeys = next;
    const log = createLogger({ component: 'test', level: 'silent' });
    for (const deviceDir of dirs)
      expect(await holdIdentity(loadDevice(deviceDir), { deviceDir, log }).renew()).toBe('renewed');
    rig.inspectionKeys = before;
    expect(loadDevice(dirs[0]).vehicleKeys).toEqual(vehicleKeysOf(next, 'bus-1'));
    expect(parseNetworkKeys(readFileSync(join(dirs[1], 'inspection-keys.json')))).toEqual({
      ok: true,
      value: next,
    });
    expect(existsSync(join(dirs[0], 'inspection-keys.json'))).toBe(false);
    expect(existsSync(join(dirs[1], 'vehicle-keys.json'))).toBe(false);
  });

  it('whose answer was lost is asked again with the same keys and comes through once', async () => {
    const dir = await rig.enrol('ren-lost');
    let cut = true;
    const device = await run(dir, async (point) => {
      if (point === 'renew.after-answer' && cut) throw new Error('the line was cut');
    });
    expect(await device.edge.renewNow()).toBe('failed');
    cut = false;
    expect(await device.edge.renewNow()).toBe('renewed');
    await device.stop();
    const { rows } = await rig.admin.query(
      `SELECT 1 FROM ingest.client_certificate WHERE client_id = 'ren-lost'`,
    );
    expect(rows).toHaveLength(2);
  });

  it('by a copy of the folder after the original has renewed is refused, and is an alarm', async () => {
    const dir = await rig.enrol('ren-copy');
    const copyDir = join(rig.folder, 'copied');
    cpSync(dir, copyDir, { recursive: true });
    const original = await run(dir);
    expect(await original.edge.renewNow()).toBe('renewed');
    await original.stop();
    const copy = await run(copyDir);
    expect(await copy.edge.renewNow()).toBe('refused');
    await copy.stop();
    expect(await rig.alarms()).toContain('superseded-certificate');
  });

  it('with a certificate that was taken back, or with the wrong signing key, is refused', async () => {
    const [mine, others] = [await rig.enrol('ren-mine'), await rig.enrol('ren-others')];
    const { askToRenew } = await import('../../../edge-agent/adapters/enrolment-client.ts');
    const { createRequest, newCertificateKey } = await import('#platform/x509.ts');
    const { renewMessage } = await import('#contracts/enrolment.ts');
    const { signBytes } = await import('#contracts/hash-chain.ts');
    const { createPrivateKey } = await import('node:crypto');
    const csr = await createRequest('ren-mine', createPrivateKey(newCertificateKey()));
    const message = renewMessage('ren-mine', csr, undefined);
    const [device, foreign] = [loadDevice(mine), loadDevice(others)];
    const ask = (tls: object, key: typeof device.privateKey) =>
      askToRenew(rig.enrolment.url, { ca: rig.caPem, ...tls }, { v: 1, csr, sig: signBytes(message, key) });
    const own = device.certificate ?? {};
    expect(await ask({}, device.privateKey)).toEqual({ ok: false, refused: 'CERTIFICATE_REFUSED' });
    expect(await ask(own, foreign.privateKey)).toEqual({ ok: false, refused: 'PROOF_REFUSED' });
    expect(await rig.alarms()).toContain('foreign-signing-key');
    await rig.revoke('ren-mine');
    expect(await ask(own, device.privateKey)).toEqual({ ok: false, refused: 'CERTIFICATE_REFUSED' });
  });
});

describe('a device that is taken out of service', () => {
  it('is dropped by the broker, refused by ingest and by enrolment, and others go on', async () => {
    const [dir, otherDir] = [await rig.enrol('rev-1'), await rig.enrol('rev-2')];
    await inStep();
    const [device, other] = [await run(dir), await run(otherDir)];
    await device.tap(10);
    await device.delivered();
    const beganMs = performance.now();
    await rig.revoke('rev-1');
    await until(() => !device.edge.agent.view().online, { what: 'the broker drops it' });
    const droppedMs = performance.now() - beganMs;
    const late = await device.tap(11); // works on offline, as it must; nothing of it is taken
    expect(await device.edge.renewNow()).toBe('refused');
    await other.tap(12);
    await other.delivered();
    const refusedBefore = rig.broker.counts().refused.LOGIN_REFUSED ?? 0;
    await until(() => (rig.broker.counts().refused.LOGIN_REFUSED ?? 0) > refusedBefore, {
      what: 'a refused login',
    });
    expect(await held()).not.toContain(late);
    expect(other.edge.agent.view().online).toBe(true);
    process.stdout.write(`dropped ${Math.round(droppedMs)} ms after the office's word\n`);
    await Promise.all([device.stop(), other.stop()]);
  });

  it('may come back by a new code into the same folder; what it had not delivered is quarantined, not lost', async () => {
    const dir = await rig.enrol('rev-back');
    await inStep();
    await revoked('rev-back');
    await inStep();
    const away = await run(dir);
    const unsent = await away.tap(20);
    await away.stop();
    await rig.enrol('rev-back');
    await inStep();
    const back = await run(dir);
    const fresh = await back.tap(21);
    await until(async () => (await held()).has(fresh), { what: 'the new record' });
    expect(await held()).not.toContain(unsent);
    const refused = `SELECT 1 FROM ingest.quarantine WHERE device_id = 'rev-back' AND reason = 'INGEST_DEVICE_REVOKED'`;
    await until(async () => (await rig.admin.query(refused)).rows.length > 0, {
      what: 'the record in quarantine',
    });
    await back.stop();
  });
});

describe('a copied device folder that is used elsewhere', () => {
  it('is noticed by the broker (two connections of one name) and by the linker (two journals of one key)', async () => {
    const dir = await rig.enrol('twin-1');
    const copyDir = join(rig.folder, 'twin-copy');
    await inStep();
    const before = await run(dir);
    await before.tap(30);
    await before.delivered();
    await before.stop();
    cpSync(dir, copyDir, { recursive: true });
    const [original, copy] = [await run(dir), await run(copyDir)];
    await until(() => rig.broker.counts().contended > 0, { what: 'a contention' });
    expect(rig.logged()).toMatch(/broker\.identity\.contended/);
    await Promise.all([original.tap(31), copy.tap(32)]);
    const alarms = async () => {
      const { rows } = await rig.admin.query<{ kind: string }>(
        `SELECT kind FROM ingest.published_journal_alarm WHERE device_id = 'twin-1'`,
      );
      return rows.length > 0;
    };
    await until(alarms, { what: 'an alarm about the journal' });
    await Promise.all([original.stop(), copy.stop()]);
  });
});

it('a folder as enrolment wrote it names no private key in device.json', async () => {
  const dir = await rig.enrol('plain');
  expect(readFileSync(join(dir, 'device.json'), 'utf8')).not.toMatch(/PRIVATE/);
});
