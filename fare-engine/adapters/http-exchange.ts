/** One request to who holds money (an acquirer, a payment provider), and its answer as bytes: bounded in time and length. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { IDEMPOTENCY_HEADER } from '#contracts/acquirer-api.ts';

/** Whom is asked, and how. */
export interface HttpPeer {
  /** `https://…`; `http://` to the loopback alone (config.ts). */
  readonly url: string;
  /** Bearer token. Never logged. */
  readonly token: string;
  /** Authority of the peer's certificate, PEM; absent = those of the system. */
  readonly caPem?: string;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
}

export interface HttpOrder {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Of {@link IDEMPOTENCY_HEADER}; null = without. */
  readonly key: string | null;
  /** Sent as JSON; null = without. */
  readonly body: object | null;
}

export interface HttpHeard {
  readonly status: number;
  readonly body: Buffer;
}

/** Nothing that could be read came back; what was asked for may have been done all the same. */
export interface HttpSilence {
  readonly why: string;
  /** An answer came, and was longer than any may be. */
  readonly tooLong?: true;
}

/** Asks once. `bytesMax`: a longer answer is none. */
export function exchange(
  { url, token, caPem, timeoutMs }: HttpPeer,
  { method, path, key, body }: HttpOrder,
  bytesMax: number,
): Promise<HttpHeard | HttpSilence> {
  const target = new URL(path, url);
  const text = body === null ? undefined : JSON.stringify(body);
  const { promise, resolve } = Promise.withResolvers<HttpHeard | HttpSilence>();
  const ask = target.protocol === 'https:' ? httpsRequest : httpRequest;
  const asked = ask(
    target,
    {
      method,
      signal: AbortSignal.timeout(timeoutMs),
      headers: {
        authorization: `Bearer ${token}`,
        accept: 'application/json',
        ...(key !== null && { [IDEMPOTENCY_HEADER]: key }),
        ...(text !== undefined && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(text),
        }),
      },
      ...(caPem !== undefined && { ca: caPem }),
    },
    (answer) =>
      void bytesOf(answer, bytesMax).then((bytes) =>
        resolve('why' in bytes ? bytes : { status: answer.statusCode ?? 0, body: bytes }),
      ),
  );
  asked.on('error', (error: NodeJS.ErrnoException) => resolve({ why: error.code ?? error.name }));
  asked.end(text);
  return promise;
}

/**
 * Whether a status says that this request will never do. Too many requests and a timeout are a "later". Of a question about an
 * earlier request it says nothing: that one may have been done.
 */
export function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 429 && status !== 408;
}

const BROKE_OFF: HttpSilence = { why: 'an answer that broke off' };

/** The answer's bytes, or why there are none: it was cut off, or longer than any answer may be. */
async function bytesOf(answer: IncomingMessage, bytesMax: number): Promise<Buffer | HttpSilence> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > bytesMax) {
        answer.destroy();
        return { why: `an answer longer than ${bytesMax} bytes`, tooLong: true };
      }
      parts.push(part);
    }
  } catch {
    return BROKE_OFF;
  }
  return answer.complete ? Buffer.concat(parts) : BROKE_OFF;
}
