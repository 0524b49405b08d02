/**
 * Enrolment and renewal: who gets a certificate. Refusals are values; a repeated request with the same keys gets the
 * same answer, so that an answer lost on the way costs nothing.
 */
import { createHash, createPublicKey } from 'node:crypto';
import {
  type EnrolAnswer,
  type EnrolmentRefusal,
  type EnrolRequest,
  enrolMessage,
  type RenewAnswer,
  type RenewRequest,
  renewMessage,
  signingKeyId,
} from '#contracts/enrolment.ts';
import { verifyBytes } from '#contracts/hash-chain.ts';
import { type NetworkKeys, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { issueCertificate, readRequest, serialOf } from '#platform/x509.ts';
import { hashOfCode } from './codes.ts';
import type {
  AlarmKind,
  DeviceCa,
  EnrolmentStore,
  NewCertificate,
  NewSigningKey,
  ProvenClient,
} from './ports.ts';

/** What the city gives to every device. */
export type DeviceSettings = Omit<
  EnrolAnswer,
  'v' | 'deviceId' | 'vehicleId' | 'vehicleKeys' | 'inspectionKeys' | 'certificate' | 'ca'
>;

export interface EnrolmentDeps {
  readonly store: EnrolmentStore;
  readonly ca: DeviceCa;
  readonly settings: () => DeviceSettings;
  /**
   * Told to inspectors' devices alone, and those of its vehicle to each device; absent where the city's vehicles have no
   * network of their own.
   */
  readonly inspectionKeys: () => NetworkKeys | undefined;
  /** Real time, as TLS reads it. */
  readonly nowMs: () => number;
  /** City time, by which signing keys are registered. */
  readonly cityMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** Told of what was done and of every alarm; never with a code or a key in it. */
  readonly tell: (event: 'enrolled' | 'renewed' | AlarmKind, detail: object) => void;
  readonly certificateMs: number;
  /** How long signing keys are still taken after they were replaced. */
  readonly oldKeyMs: number;
}

export type Outcome<T> =
  | { readonly ok: true; readonly answer: T }
  | { readonly ok: false; readonly refused: EnrolmentRefusal };

export interface Enrolment {
  enrol(request: EnrolRequest): Promise<Outcome<EnrolAnswer>>;
  /** `client` is what TLS has proven. */
  renew(request: RenewRequest, client: ProvenClient): Promise<Outcome<RenewAnswer>>;
}

/** Clocks of devices may be a little behind: a certificate is good from a while before its issue. */
const BACKDATED_MS = 3_600_000;

/** Makes the service's core. */
export function createEnrolment(deps: EnrolmentDeps): Enrolment {
  const { store, ca } = deps;

  async function alarm(deviceId: string, kind: AlarmKind, subject: string): Promise<void> {
    deps.tell(kind, { deviceId, subject });
    await store.alarm({ deviceId, kind, subject, atMs: deps.nowMs() });
  }

  async function certificateFor(clientId: string, publicKeyPem: string): Promise<NewCertificate> {
    const nowMs = deps.nowMs();
    const times = { notBeforeMs: nowMs - BACKDATED_MS, notAfterMs: nowMs + deps.certificateMs };
    const serial = serialOf(deps.random(16));
    const order = { name: clientId, publicKeyPem, serial, ...times, use: { kind: 'client' } } as const;
    const certificatePem = await issueCertificate(ca, order);
    return {
      serial,
      clientId,
      tlsKeySha256: tlsKeyHash(publicKeyPem),
      ...times,
      issuedAtMs: nowMs,
      certificatePem,
    };
  }

  function newKey(deviceId: string, given: string): NewSigningKey {
    const publicKeyPem = createPublicKey(given).export({ type: 'spki', format: 'pem' }).toString();
    return { deviceId, keyId: signingKeyId(publicKeyPem), publicKeyPem, validFromMs: deps.cityMs() };
  }

  async function enrol(request: EnrolRequest): Promise<Outcome<EnrolAnswer>> {
    const { code, csr, signingKey } = request;
    const codeSha256 = hashOfCode(code);
    const stored = await store.findCode(codeSha256);
    if (!stored || stored.issuedAtMs <= (stored.revokedAtMs ?? -1)) return refuse('CODE_REFUSED');
    if (!proves(signingKey.publicKey, enrolMessage(code, csr, signingKey.publicKey), signingKey.proof))
      return refuse('PROOF_REFUSED');
    const read = await readRequest(csr);
    if (!read.ok) return refuse('PROOF_REFUSED');
    const { deviceId, vehicleId, inspector } = stored;
    const key = newKey(deviceId, signingKey.publicKey);
    const use = { keyId: key.keyId, tlsKeySha256: tlsKeyHash(read.value.publicKeyPem) };
    const answer = (certificate: string): Outcome<EnrolAnswer> => ({
      ok: true,
      answer: {
        v: 1,
        deviceId,
        ...(vehicleId !== undefined && { vehicleId }),
        certificate,
        ca: ca.certificatePem,
        ...deps.settings(),
        ...networkKeysFor(deps.inspectionKeys(), { vehicleId, inspector }),
      },
    });
    if (stored.use === undefined) {
      if (deps.nowMs() >= stored.expiresAtMs) return refuse('CODE_REFUSED');
      const certificate = await certificateFor(deviceId, read.value.publicKeyPem);
      const done = await store.enrol({ codeSha256, use, key, certificate, nowMs: deps.nowMs() });
      if (done === 'done') {
        deps.tell('enrolled', { deviceId, keyId: key.keyId, serial: certificate.serial });
        return answer(certificate.certificatePem);
      }
    }
    return again(codeSha256, use, answer);
  }

  /** The code has been used: by the same keys it is the same request, whose answer was lost. */
  async function again(
    codeSha256: Buffer,
    use: { keyId: string; tlsKeySha256: string },
    answer: (certificate: string) => Outcome<EnrolAnswer>,
  ): Promise<Outcome<EnrolAnswer>> {
    const stored = await store.findCode(codeSha256);
    if (!stored?.use) return refuse('CODE_REFUSED');
    const newest = await store.newestCertificate(stored.deviceId);
    const same = stored.use.keyId === use.keyId && stored.use.tlsKeySha256 === use.tlsKeySha256;
    if (same && newest?.tlsKeySha256 === use.tlsKeySha256 && !newest.revoked)
      return answer(newest.certificatePem);
    if (!same) await alarm(stored.deviceId, 'code-used-again', codeSha256.toString('hex'));
    return refuse('CODE_REFUSED');
  }

  async function renew(request: RenewRequest, client: ProvenClient): Promise<Outcome<RenewAnswer>> {
    const { csr, signingKey } = request;
    const present = await store.findCertificate(client.serial);
    const known = present?.clientId === client.name && present.role === 'device' && !present.revoked;
    if (!present || !known || present.notAfterMs <= deps.nowMs()) return refuse('CERTIFICATE_REFUSED');
    const deviceId = present.clientId;
    const message = renewMessage(deviceId, csr, signingKey?.publicKey);
    const keys = await store.signingKeys(deviceId, deps.cityMs());
    if (!keys.some((pem) => proves(pem, message, request.sig))) {
      await alarm(deviceId, 'foreign-signing-key', present.serial);
      return refuse('PROOF_REFUSED');
    }
    if (signingKey && !proves(signingKey.publicKey, message, signingKey.proof))
      return refuse('PROOF_REFUSED');
    const read = await readRequest(csr);
    if (!read.ok || read.value.name !== deviceId) return refuse('PROOF_REFUSED');
    const tlsKey = tlsKeyHash(read.value.publicKeyPem);
    const newest = await store.newestCertificate(deviceId);
    const given = networkKeysFor(deps.inspectionKeys(), (await store.roleOf(deviceId)) ?? NOWHERE);
    if (newest && newest.tlsKeySha256 === tlsKey && !newest.revoked)
      return renewed(newest.certificatePem, given);
    if (newest?.serial !== present.serial) return superseded(deviceId, present.serial);
    const certificate = await certificateFor(deviceId, read.value.publicKeyPem);
    const done = await store.renew({
      after: present.serial,
      certificate,
      key: signingKey && newKey(deviceId, signingKey.publicKey),
      oldKeysUntilMs: deps.cityMs() + deps.oldKeyMs,
    });
    if (done === 'taken') return superseded(deviceId, present.serial);
    deps.tell('renewed', { deviceId, serial: certificate.serial, newSigningKey: signingKey !== undefined });
    return renewed(certificate.certificatePem, given);
  }

  /** A certificate that has a successor asks for another one: two hold the same keys. */
  async function superseded(deviceId: string, serial: string): Promise<Outcome<RenewAnswer>> {
    await alarm(deviceId, 'superseded-certificate', serial);
    return refuse('CERTIFICATE_SUPERSEDED');
  }

  return { enrol, renew };
}

type GivenKeys = Pick<EnrolAnswer, 'vehicleKeys' | 'inspectionKeys'>;

/** Of a device that the embedded city enrolled itself there is no code, and its folder is written at each start. */
const NOWHERE = { vehicleId: undefined, inspector: false };

function networkKeysFor(
  keys: NetworkKeys | undefined,
  { vehicleId, inspector }: { readonly vehicleId: string | undefined; readonly inspector: boolean },
): GivenKeys {
  if (!keys) return {};
  return {
    ...(vehicleId !== undefined && { vehicleKeys: vehicleKeysOf(keys, vehicleId) }),
    ...(inspector && { inspectionKeys: keys }),
  };
}

function renewed(certificate: string, given: GivenKeys): Outcome<RenewAnswer> {
  return { ok: true, answer: { v: 1, certificate, ...given } };
}

function refuse(refused: EnrolmentRefusal): { readonly ok: false; readonly refused: EnrolmentRefusal } {
  return { ok: false, refused };
}

/** Whether a signature by this key holds; false for what is no Ed25519 key. */
function proves(publicKeyPem: string, message: Uint8Array, signature: string): boolean {
  try {
    const key = createPublicKey(publicKeyPem);
    return key.asymmetricKeyType === 'ed25519' && verifyBytes(message, signature, key);
  } catch {
    return false;
  }
}

/** SHA-256 in hex of a key as its PEM says it. */
export function tlsKeyHash(publicKeyPem: string): string {
  const der = createPublicKey(publicKeyPem).export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex');
}
