/** Enrolment over real HTTPS: from a code to a connected device, and every way in which it is refused. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CaKeyFile } from '#contracts/ca-keys.ts';
import { type EnrolRequest, enrolMessage, normalCode } from '#contracts/enrolment.ts';
import { signBytes } from '#contracts/hash-chain.ts';
import { parseNetworkKeys, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { createLogger } from '#platform/logger.ts';
import { connectMqtt } from '#platform/mqtt-connection.ts';
import { createRequest } from '#platform/x509.ts';
import { enrolDeviceFolder, newKeys } from '../../../edge-agent/adapters/enrol-device.ts';
import { askToEnrol, fetchAuthority } from '../../../edge-agent/adapters/enrolment-client.ts';
import { loadDevice } from '../../../edge-agent/adapters/load-device.ts';
import { loadMedia } from '../../../edge-agent/adapters/load-media.ts';
import { codeOf, hashOfCode } from '../../../ingest/enrolment/codes.ts';
import { caKeyList } from '../../../simulators/cards/emv/test-ca.ts';
import { type EnrolmentRig, HOUR_MS, INSPECTION_KEYS, startEnrolmentRig } from './rig.ts';

let rig: EnrolmentRig;
beforeAll(async () => {
  rig = await startEnrolmentRig({ refusalsPerAddressMax: 1000 });
});
afterAll(() => rig?.stop());

const silent = createLogger({ component: 'test', level: 'silent' });

/** A request as a device makes it. */
async function requestFor(code: string, keys = newKeys()): Promise<EnrolRequest> {
  const csr = await createRequest('enrolment', createPrivateKey(keys.tlsKeyPem));
  const publicKey = keys.signingPublicPem;
  const proof = signBytes(enrolMessage(code, csr, publicKey), createPrivateKey(keys.signingKeyPem));
  return { v: 1, code, csr, signingKey: { publicKey, proof } };
}
const ask = (request: EnrolRequest) => askToEnrol(rig.enrolment.url, { ca: rig.caPem }, request);

describe('a one-time code', () => {
  it('becomes a device that connects, with a folder that holds only its own keys', async () => {
    const dir = await rig.enrol('val-1');
    const device = loadDevice(dir);
    expect(device).toMatchObject({ deviceId: 'val-1', vehicleId: 'bus-1', mqttUrl: rig.broker.url });
    expect([...device.ingestKeys.keys()]).toEqual(['ingest-1']);
    expect(existsSync(join(dir, 'enrolment-pending.json'))).toBe(false);
    const connection = connectMqtt({
      url: device.mqttUrl,
      clientId: 'val-1',
      tls: () => device.certificate ?? { ca: '' },
      log: silent,
      backoff: { firstMs: 50, maxMs: 200 },
    });
    await connection.whenConnected();
    await connection.stop();
  });

  it("for an inspector's device brings the inspection key, another one its vehicle's alone", async () => {
    const dir = join(rig.folder, 'insp-1');
    await rig.enrolWith(await rig.newCode('insp-1', { inspector: true }), dir);
    const given = parseNetworkKeys(readFileSync(join(dir, 'inspection-keys.json')));
    expect(given).toEqual({ ok: true, value: INSPECTION_KEYS });
    expect(existsSync(join(dir, 'vehicle-keys.json'))).toBe(false);
    const other = await rig.enrol('val-key');
    expect(existsSync(join(other, 'inspection-keys.json'))).toBe(false);
    const { vehicleKeys } = loadDevice(other);
    expect(vehicleKeys).toEqual(vehicleKeysOf(INSPECTION_KEYS, 'bus-1'));
    const key = INSPECTION_KEYS[0]?.key as string;
    expect(readFileSync(join(other, 'vehicle-keys.json'), 'utf8')).not.toContain(key);
    expect(rig.logged()).not.toContain(key);
  });

  it('brings what a validator needs for bank cards, and a reader that takes them', async () => {
    const pair = generateKeyPairSync('x25519');
    const acquirer = pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    rig.bank = {
      bankCard: {
        v: 1,
        countryCode: 804,
        currencyCode: 980,
        timeZone: 'Europe/Kyiv',
        applications: [{ aid: 'a0000000041010', scheme: 'mastercard' }],
        acquirer: { keyId: 'acq-1', publicKey: acquirer },
      },
      caKeys: JSON.parse(JSON.stringify(caKeyList())) as CaKeyFile,
    };
    rig.cardKeys = { v: 1, tokens: { 'pan-token': { 1: 'ab'.repeat(32) } } };
    const dir = await rig.enrol('val-bank');
    rig.bank = undefined;
    rig.cardKeys = undefined;
    const part = (name: string): unknown => JSON.parse(readFileSync(join(dir, name), 'utf8'));
    expect(part('bank-card.json')).toMatchObject({ acquirer: { keyId: 'acq-1', publicKey: acquirer } });
    expect(part('ca-keys.json')).toEqual(JSON.parse(JSON.stringify(caKeyList())));
    const main = JSON.parse(readFileSync(join(dir, 'device.json'), 'utf8')) as { policy: object };
    expect(main).not.toHaveProperty('bankCard');
    expect(main).not.toHaveProperty('caKeys');
    const policy = { ...main.policy, mediumKinds: ['social', 'bank'] };
    writeFileSync(join(dir, 'device.json'), JSON.stringify({ ...main, policy }));
    expect(loadMedia(dir).map(({ name }) => name)).toContain('bank-card');
    expect(existsSync(join(await rig.enrol('val-no-bank'), 'bank-card.json'))).toBe(false);
  });

  it('is good once: the same keys get the same answer, other keys none, and that is an alarm', async () => {
    const code = await rig.newCode('val-once');
    const request = await requestFor(code);
    const [first, second] = [await ask(request), await ask(request)];
    expect(first).toMatchObject({ ok: true, answer: { deviceId: 'val-once' } });
    expect(second).toEqual(first);
    expect(await ask(await requestFor(code))).toEqual({ ok: false, refused: 'CODE_REFUSED' });
    expect(await rig.alarms()).toContain('code-used-again');
    expect(await ask(request)).toEqual(first);
  });

  it('two at the same moment: one device, one refusal', async () => {
    const code = await rig.newCode('val-race');
    const [a, b] = await Promise.all([requestFor(code), requestFor(code)]);
    const answers = await Promise.all([ask(a), ask(b)]);
    expect(answers.map((answer) => answer.ok).sort()).toEqual([false, true]);
    const { rows } = await rig.admin.query(`SELECT 1 FROM ingest.device_key WHERE device_id = 'val-race'`);
    expect(rows).toHaveLength(1);
  });

  it('is typed by people: case, hyphens, blanks, O for 0', async () => {
    const code = await rig.newCode('val-typed');
    const typed = ` ${code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o')}`;
    expect(await ask(await requestFor(typed))).toMatchObject({ ok: true });
  });

  it.each<[string, () => Promise<string>]>([
    ['wrong', async () => codeOf(new Uint8Array(28).fill(7))],
    ['expired', () => rig.newCode('val-late', { nowMs: Date.now() - HOUR_MS - 1, validMs: HOUR_MS })],
    [
      'of a device that was taken out of service since',
      async () => {
        const code = await rig.newCode('val-gone');
        await rig.revoke('val-gone');
        return code;
      },
    ],
  ])('that is %s opens nothing, with the same words', async (_what, make) => {
    expect(await ask(await requestFor(await make()))).toEqual({ ok: false, refused: 'CODE_REFUSED' });
  });

  it('one millisecond before its end is good', async () => {
    const code = await rig.newCode('val-just', { nowMs: Date.now() - HOUR_MS + 60_000, validMs: HOUR_MS });
    expect(await ask(await requestFor(code))).toMatchObject({ ok: true });
  });

  it('names its device: whatever the request calls itself, the certificate is for the device of the code', async () => {
    const keys = newKeys();
    const code = await rig.newCode('val-mine');
    const csr = await createRequest('val-1', createPrivateKey(keys.tlsKeyPem));
    const publicKey = keys.signingPublicPem;
    const proof = signBytes(enrolMessage(code, csr, publicKey), createPrivateKey(keys.signingKeyPem));
    const asked = await ask({ v: 1, code, csr, signingKey: { publicKey, proof } });
    expect(asked).toMatchObject({ ok: true, answer: { deviceId: 'val-mine' } });
  });

  it('after a new code for the same device the former certificates are taken back', async () => {
    await rig.enrol('val-again', 'again-1');
    await rig.enrol('val-again', 'again-2');
    const { rows } = await rig.admin.query<{ revoked: boolean }>(
      `SELECT r.serial IS NOT NULL AS revoked FROM ingest.client_certificate AS c
       LEFT JOIN ingest.client_certificate_revocation AS r USING (serial)
       WHERE client_id = 'val-again' ORDER BY issued_at_ms`,
    );
    expect(rows.map((row) => row.revoked)).toEqual([true, false]);
  });
});

describe('a request that proves too little', () => {
  it.each<[string, (good: EnrolRequest) => EnrolRequest]>([
    [
      'a proof by another key',
      (r) => ({ ...r, signingKey: { ...r.signingKey, publicKey: newKeys().signingPublicPem } }),
    ],
    ['a certificate request that was exchanged', (r) => ({ ...r, csr: r.csr.replace('M', 'N') })],
    ['a signing key that is none', (r) => ({ ...r, signingKey: { ...r.signingKey, publicKey: r.csr } })],
  ])('%s is refused and leaves the code good', async (_what, spoil) => {
    const code = await rig.newCode('val-proof');
    const good = await requestFor(code);
    expect(await ask(spoil(good))).toEqual({ ok: false, refused: 'PROOF_REFUSED' });
    expect(await ask(good)).toMatchObject({ ok: true });
  });

  it('what is no request at all is refused, whatever it is', async () => {
    for (const body of [{}, [], { v: 2 }, { v: 1, code: 5 }, { v: 1, code: 'x'.repeat(65) }]) {
      const asked = ask(body as unknown as EnrolRequest);
      expect(await asked).toEqual({ ok: false, refused: 'REQUEST_MALFORMED' });
    }
    const huge = { v: 1, code: 'x', csr: 'y'.repeat(70_000) } as unknown as EnrolRequest;
    const refusedOrCut = await ask(huge).then(
      (asked) => asked.ok,
      () => false,
    );
    expect(refusedOrCut).toBe(false);
    expect(await ask(await requestFor(await rig.newCode('val-after')))).toMatchObject({ ok: true });
  });
});

describe('the city proves itself too', () => {
  it('by the hash that came with the code', async () => {
    expect(await fetchAuthority(rig.enrolment.url, rig.caSha256)).toBe(rig.caPem);
    await expect(fetchAuthority(rig.enrolment.url, '0'.repeat(64))).rejects.toThrow(/hash/);
  });

  it('a wrong hash: nothing is sent, and the same command later succeeds with the same keys', async () => {
    const deviceDir = join(rig.folder, 'val-hash');
    const code = await rig.newCode('val-hash');
    const order = { url: rig.enrolment.url, code, deviceDir };
    await expect(enrolDeviceFolder({ ...order, caSha256: '0'.repeat(64) })).rejects.toMatchObject({
      code: 'ENROLMENT_UNREACHABLE',
    });
    const kept = readFileSync(join(deviceDir, 'enrolment-pending.json'), 'utf8');
    expect(await enrolDeviceFolder({ ...order, caSha256: rig.caSha256 })).toBe('val-hash');
    const { signingKeyPem } = JSON.parse(kept) as { signingKeyPem: string };
    const names = readdirSync(deviceDir).filter((name) => name.startsWith('signing-'));
    expect(readFileSync(join(deviceDir, names[0] ?? ''), 'utf8')).toBe(signingKeyPem);
  });
});

describe('codes and guesses', () => {
  it('a code has 140 bits and is stored as its hash', async () => {
    expect(codeOf(Buffer.alloc(28, 31))).toBe('ZZZZZZZ-ZZZZZZZ-ZZZZZZZ-ZZZZZZZ');
    expect(() => codeOf(Buffer.alloc(27))).toThrow(RangeError);
    expect(normalCode('abc-o1l i')).toBe('ABC0111');
    const code = await rig.newCode('val-hashed');
    const { rows } = await rig.admin.query(
      `SELECT * FROM ingest.enrolment_code WHERE device_id = 'val-hashed'`,
    );
    expect(rows[0].code_sha256).toEqual(hashOfCode(code));
    expect(JSON.stringify(rows)).not.toContain(normalCode(code));
  });

  it('a flood of guesses is told to wait, also with a good code', async () => {
    const small = await startEnrolmentRig({ refusalsPerAddressMax: 3 });
    try {
      const tell = (request: EnrolRequest) => askToEnrol(small.enrolment.url, { ca: small.caPem }, request);
      const outcomes: unknown[] = [];
      for (let n = 0; n < 5; n++) {
        const asked = await tell(await requestFor(codeOf(Buffer.alloc(28, n))));
        outcomes.push(asked.ok ? 'ok' : asked.refused);
      }
      expect(outcomes).toEqual([
        'CODE_REFUSED',
        'CODE_REFUSED',
        'CODE_REFUSED',
        'TOO_MANY_TRIES',
        'TOO_MANY_TRIES',
      ]);
      expect(await tell(await requestFor(await small.newCode('val-1')))).toMatchObject({
        refused: 'TOO_MANY_TRIES',
      });
    } finally {
      await small.stop();
    }
  });
});

describe('secrets and rights', () => {
  it('no code, no private key, no token key is in any log line', () => {
    const logged = rig.logged();
    expect(logged).toContain('enrolment.enrolled');
    expect(logged).not.toMatch(/PRIVATE KEY/);
    expect(logged).not.toContain(rig.tokenKey.toString('hex'));
    expect(logged).not.toMatch(/[0-9A-HJKMNP-TV-Z]{7}-[0-9A-HJKMNP-TV-Z]{7}-/);
  });

  it.each([
    ['enrolment_runtime', `INSERT INTO ingest.enrolment_code VALUES ('\\x00', 'd', NULL, 0, 0, 'x')`],
    ['enrolment_runtime', `INSERT INTO ingest.device_revocation VALUES ('d', 0, 'x', 'x')`],
    ['enrolment_runtime', `SELECT 1 FROM ingest.record`],
    ['enrolment_runtime', `SELECT 1 FROM fare.command_inbox`],
    ['enrolment_runtime', `DELETE FROM ingest.client_certificate_revocation`],
    ['enrolment_runtime', `UPDATE ingest.client_certificate SET not_after_ms = 0`],
    ['office_runtime', `DELETE FROM ingest.device_revocation`],
    ['office_runtime', `UPDATE ingest.enrolment_code SET expires_at_ms = 0`],
    ['office_runtime', `INSERT INTO ingest.enrolment_use VALUES ('\\x00', 'd', 'k', '\\x00', 0)`],
    ['ingest_runtime', `SELECT 1 FROM ingest.enrolment_code`],
    ['ingest_runtime', `INSERT INTO ingest.client_certificate_revocation VALUES ('aa', 0, 'x')`],
    ['ingest_runtime', `INSERT INTO ingest.key_announcement VALUES ('ingest', 0, '{x}', 'x', 'x')`],
    ['office_runtime', `UPDATE ingest.key_announcement SET envelope = 'x'`],
    ['broker_runtime', `SELECT 1 FROM ingest.client_certificate`],
    ['broker_runtime', `SELECT 1 FROM ingest.device_key`],
  ] as const)('%s may not: %s', async (role, sql) => {
    const { default: pg } = await import('pg');
    const client = new pg.Client({ connectionString: rig.database.url(role) });
    await client.connect();
    await expect(client.query(sql)).rejects.toMatchObject({ code: '42501' });
    await client.end();
  });
});
