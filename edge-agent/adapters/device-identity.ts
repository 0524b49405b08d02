/**
 * The device's keys as they are now: what it connects with and what signs its heads. A renewal replaces both while the
 * validator works; connections to come and records to come use the new ones.
 */
import { createPrivateKey, type KeyObject } from 'node:crypto';
import { renewMessage } from '#contracts/enrolment.ts';
import { signBytes } from '#contracts/hash-chain.ts';
import type { Logger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { createRequest, readCertificate } from '#platform/x509.ts';
import type { Device, DeviceCertificate } from '../ports.ts';
import type { RenewalOutcome, Validity } from '../renewal.ts';
import { adoptRenewal, dropPending, readPending, writePending } from './device-folder.ts';
import { newKeys } from './enrol-device.ts';
import { askToRenew } from './enrolment-client.ts';

export interface DeviceIdentity {
  /** Certificate and pinned authority of the next connection. */
  tls(): DeviceCertificate;
  /** Signs a head with the present key. */
  sign(message: Uint8Array): string;
  /** Keys that signed heads since the start, the present one first: what was written before a renewal is proven by them. */
  signingKeys(): readonly [KeyObject, ...KeyObject[]];
  validity(): Validity;
  /** Asks the city for successors once and goes over to them; never rejects. With the signal it waits for no answer any more. */
  renew(signal?: AbortSignal): Promise<RenewalOutcome>;
}

export interface IdentityDeps {
  readonly deviceDir: string;
  readonly log: Logger;
  readonly probe?: Probe;
}

/** A renewal comes in months; the journal holds no heads of so many keys. */
const FORMER_KEYS_MAX = 8;

const PENDING = 'renewal-pending.json';

/** Holds the identity of a loaded device that has a certificate; without one only `sign` may be called. */
export function holdIdentity(device: Device, deps: IdentityDeps): DeviceIdentity {
  const { deviceDir: dir, log, probe = noProbe } = deps;
  let signingKey: KeyObject = device.privateKey;
  let formerKeys: readonly KeyObject[] = [];
  let certificate = device.certificate;
  const present = (): DeviceCertificate => {
    if (certificate === undefined) throw new Error(`${device.deviceId} has no certificate`);
    return certificate;
  };

  let renewing: Promise<RenewalOutcome> | undefined;

  async function renewAt(url: string, signal?: AbortSignal): Promise<RenewalOutcome> {
    const { cert, ca, key } = present();
    const purpose = readCertificate(cert).serial;
    const keys = readPending(dir, PENDING, purpose) ?? { ...newKeys(), purpose };
    // Before anything is asked: an answer that is lost is asked for again with the same keys.
    writePending(dir, PENDING, keys);
    await probe('renew.after-keys');
    const csr = await createRequest(device.deviceId, createPrivateKey(keys.tlsKeyPem));
    const publicKey = keys.signingPublicPem;
    const message = renewMessage(device.deviceId, csr, publicKey);
    const freshKey = createPrivateKey(keys.signingKeyPem);
    const asked = await askToRenew(
      url,
      { cert, key, ca },
      {
        v: 1,
        csr,
        sig: signBytes(message, signingKey),
        signingKey: { publicKey, proof: signBytes(message, freshKey) },
      },
      signal,
    );
    if (!asked.ok) {
      log.error({ refused: asked.refused }, 'edge.certificate.refused-by-city');
      return asked.refused === 'TOO_MANY_TRIES' ? 'failed' : 'refused';
    }
    await probe('renew.after-answer');
    await adoptRenewal(dir, { cert: asked.answer.certificate, ca, keys, network: asked.answer }, probe);
    certificate = { cert: asked.answer.certificate, key: keys.tlsKeyPem, ca };
    formerKeys = [signingKey, ...formerKeys].slice(0, FORMER_KEYS_MAX);
    signingKey = freshKey;
    dropPending(dir, PENDING);
    log.info({ serial: readCertificate(certificate.cert).serial }, 'edge.certificate.renewed');
    return 'renewed';
  }

  return {
    tls: present,
    sign: (message) => signBytes(message, signingKey),
    signingKeys: () => [signingKey, ...formerKeys],
    validity: () => readCertificate(present().cert),
    renew(signal) {
      const url = device.enrolmentUrl;
      if (url === undefined) return Promise.resolve('failed');
      renewing ??= renewAt(url, signal)
        .catch((error: Error): RenewalOutcome => {
          log.debug({ problem: error.message }, 'edge.certificate.not-reached');
          return 'failed';
        })
        .finally(() => {
          renewing = undefined;
        });
      return renewing;
    },
  };
}
