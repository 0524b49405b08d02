/** The device's side of enrolment over HTTPS: one pinned connection for each question, answers bounded and parsed. */
import { request } from 'node:http';
import {
  ENROLMENT_ANSWER_BYTES_MAX,
  ENROLMENT_PATHS,
  type EnrolAnswer,
  type EnrolmentRefusal,
  type EnrolRequest,
  parseEnrolAnswer,
  parseRefusal,
  parseRenewAnswer,
  type RenewAnswer,
  type RenewRequest,
} from '#contracts/enrolment.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { describeProblems, type Parsed } from '#contracts/parse.ts';
import { connectPinned, connectUnproven, type TlsIdentity } from '#platform/pinned-tls.ts';

/** Answer, or why not. Trouble on the way is thrown: it says nothing about the request. */
export type Asked<T> =
  | { readonly ok: true; readonly answer: T }
  | { readonly ok: false; readonly refused: EnrolmentRefusal };

/** Who gives up early may have used up the code: a service on a busy machine is given time, and nobody stands before a card. */
const TIMEOUT_MS = 60_000;

/**
 * Fetches the authority's certificate from a server that has proven nothing yet, and believes it only if it is the
 * one whose hash was given with the code.
 * @throws when it is another one, or the server cannot be reached.
 */
export async function fetchAuthority(url: string, caSha256: string): Promise<string> {
  const socket = await connectUnproven({ ...addressOf(url), timeoutMs: TIMEOUT_MS });
  const { status, body } = await exchange(socket, url, { path: ENROLMENT_PATHS.ca });
  const pem = body.toString('utf8');
  if (status === 200 && sha256Hex(derOf(pem)) === caSha256) return pem;
  throw new Error(`the authority at ${url} is not the one whose hash was given`);
}

/** DER bytes of a certificate in PEM: what its hash is taken over (`openssl x509 -fingerprint -sha256`). */
function derOf(pem: string): Buffer {
  return Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}

export function askToEnrol(url: string, tls: TlsIdentity, body: EnrolRequest): Promise<Asked<EnrolAnswer>> {
  return ask(url, tls, ENROLMENT_PATHS.enrol, body, parseEnrolAnswer);
}

/** What is given up by the signal is asked again with the same keys: nothing is used up. */
export function askToRenew(
  url: string,
  tls: TlsIdentity,
  body: RenewRequest,
  signal?: AbortSignal,
): Promise<Asked<RenewAnswer>> {
  return ask(url, tls, ENROLMENT_PATHS.renew, body, parseRenewAnswer, signal);
}

async function ask<T>(
  url: string,
  tls: TlsIdentity,
  path: string,
  body: object,
  parse: (bytes: Uint8Array) => Parsed<T>,
  signal?: AbortSignal,
): Promise<Asked<T>> {
  signal?.throwIfAborted();
  const giveUp = signal && { signal };
  const socket = await connectPinned({ ...addressOf(url), timeoutMs: TIMEOUT_MS, ...giveUp }, tls);
  const answer = await exchange(socket, url, { path, body: JSON.stringify(body), ...giveUp });
  if (answer.status === 200) {
    const parsed = parse(answer.body);
    if (parsed.ok) return { ok: true, answer: parsed.value };
    throw new Error(`enrolment answered with what is no answer: ${describeProblems(parsed.problems)}`);
  }
  const refusal = parseRefusal(answer.body);
  if (refusal.ok) return { ok: false, refused: refusal.value.refused };
  throw new Error(`enrolment answered with status ${answer.status}`);
}

type Socket = Awaited<ReturnType<typeof connectPinned>>;

async function exchange(
  socket: Socket,
  url: string,
  what: { path: string; body?: string; signal?: AbortSignal },
): Promise<{ status: number; body: Buffer }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: Buffer }>();
  const asked = request({
    createConnection: () => socket,
    method: what.body === undefined ? 'GET' : 'POST',
    path: what.path,
    headers: {
      host: new URL(url).host,
      connection: 'close',
      ...(what.body !== undefined && { 'content-type': 'application/json' }),
    },
    timeout: TIMEOUT_MS,
    ...(what.signal && { signal: what.signal }),
  });
  asked.on('timeout', () => asked.destroy(new Error('enrolment did not answer in time')));
  asked.on('error', reject);
  asked.on('response', (response) => {
    const chunks: Buffer[] = [];
    let length = 0;
    response.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > ENROLMENT_ANSWER_BYTES_MAX) asked.destroy(new Error('enrolment answered with too much'));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }));
    response.on('error', reject);
  });
  asked.end(what.body);
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}

function addressOf(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 443) };
}
