/** Makes a device folder out of a one-time code. May be repeated until it has come through, also after a power cut. */
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { enrolMessage, normalCode } from '#contracts/enrolment.ts';
import { sha256Hex, signBytes } from '#contracts/hash-chain.ts';
import { OperatorError } from '#platform/errors.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { createRequest, newCertificateKey } from '#platform/x509.ts';
import {
  dropPending,
  type OwnKeys,
  readPending,
  writeEnrolledFolder,
  writePending,
} from './device-folder.ts';
import { askToEnrol, fetchAuthority } from './enrolment-client.ts';

export interface EnrolmentOrder {
  /** Address of the service, `https://…`. */
  readonly url: string;
  readonly code: string;
  /** SHA-256 in hex of the authority's certificate, as it was shown with the code. */
  readonly caSha256: string;
  readonly deviceDir: string;
  readonly probe?: Probe;
}

const PENDING = 'enrolment-pending.json';

/**
 * Enrols a folder and gives the device's id.
 * @throws OperatorError ENROLMENT_REFUSED, ENROLMENT_UNREACHABLE.
 */
export async function enrolDeviceFolder(order: EnrolmentOrder): Promise<string> {
  const { url, code, deviceDir: dir, probe = noProbe } = order;
  const purpose = sha256Hex(normalCode(code));
  const keys = readPending(dir, PENDING, purpose) ?? { ...newKeys(), purpose };
  // Before anything is asked: an answer that is lost is asked for again with the same keys.
  writePending(dir, PENDING, keys);
  await probe('enrol.after-keys');
  const csr = await createRequest('enrolment', createPrivateKey(keys.tlsKeyPem));
  const publicKey = keys.signingPublicPem;
  const proof = signBytes(enrolMessage(code, csr, publicKey), createPrivateKey(keys.signingKeyPem));
  const asked = await reach(url, async () => {
    const ca = await fetchAuthority(url, order.caSha256);
    return askToEnrol(url, { ca }, { v: 1, code, csr, signingKey: { publicKey, proof } });
  });
  if (!asked.ok) throw refused(asked.refused);
  await probe('enrol.after-answer');
  await writeEnrolledFolder(dir, asked.answer, keys, probe);
  dropPending(dir, PENDING);
  return asked.answer.deviceId;
}

/** Fresh keys, made here and never leaving this machine. */
export function newKeys(): OwnKeys {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    tlsKeyPem: newCertificateKey(),
    signingKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    signingPublicPem: publicKey.export({ type: 'spki', format: 'pem' }).toString(),
  };
}

async function reach<T>(url: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    throw new OperatorError({
      code: 'ENROLMENT_UNREACHABLE',
      happened: `Enrolment at ${url} could not be used: ${(cause as Error).message}.`,
      kept: 'The keys that were made stay in the folder; the code may have been used by them already.',
      todo: 'Run the same command again with the same code and folder.',
      cause,
    });
  }
}

function refused(reason: string): OperatorError {
  return new OperatorError({
    code: 'ENROLMENT_REFUSED',
    happened: `The city refuses to enrol this device: ${reason}.`,
    kept: 'What was in the folder stays as it was.',
    todo:
      reason === 'TOO_MANY_TRIES'
        ? 'Wait a minute and run the same command again.'
        : 'Type the code exactly as it was shown, or have a new one made with: npx kvytok device new DEVICE',
  });
}
