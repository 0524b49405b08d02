/** The acquirer behind its HTTP API (contracts/acquirer-api.ts). Nothing it says is believed before it has been parsed. */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import {
  ACQUIRER_BYTES_MAX,
  ACQUIRER_PATHS,
  IDEMPOTENCY_HEADER,
  parseAcquirerChargebacks,
  parseAcquirerReply,
} from '#contracts/acquirer-api.ts';
import { decodeJson, describeProblems, type Parsed } from '#contracts/parse.ts';
import {
  type Acquirer,
  type AcquirerAnswer,
  AcquirerRefused,
  AcquirerSilent,
  type FollowUpRequest,
} from '../bank/acquirer.ts';

export interface HttpAcquirerConfig {
  /** `https://…`; `http://` to the loopback alone (config.ts). */
  readonly url: string;
  /** Bearer token. Never logged. */
  readonly token: string;
  /** Authority of the acquirer's certificate, PEM; absent = those of the system. */
  readonly caPem?: string;
  /** How long an answer is waited for. */
  readonly timeoutMs: number;
}

/** Makes the port. */
export function createHttpAcquirer(config: HttpAcquirerConfig): Acquirer {
  const followUp = ({ reference, amountMinor, currency }: FollowUpRequest) => ({
    reference,
    amountMinor: amountMinor.toString(),
    currency,
  });
  return {
    authorise: ({ key, purpose, amountMinor, currency, authorisation, acquirerKeyId }) => {
      const body = { purpose, amountMinor: amountMinor.toString(), currency, authorisation, acquirerKeyId };
      return post(config, ACQUIRER_PATHS.authorise, key, body);
    },
    clear: (request) => post(config, ACQUIRER_PATHS.clear, request.key, followUp(request)),
    refund: (request) => post(config, ACQUIRER_PATHS.refund, request.key, followUp(request)),
    chargebacks: async (after) => {
      const answer = await exchange(config, 'GET', ACQUIRER_PATHS.chargebacks + after, null, null);
      return parsed(answer, parseAcquirerChargebacks).chargebacks.map((one) => ({
        ...one,
        amountMinor: BigInt(one.amountMinor),
      }));
    },
    status: async (key) => {
      const answer = await exchange(
        config,
        'GET',
        ACQUIRER_PATHS.status + encodeURIComponent(key),
        null,
        null,
      );
      return answer.status === 404 ? null : read(answer);
    },
  };
}

async function post(
  config: HttpAcquirerConfig,
  path: string,
  key: string,
  body: object,
): Promise<AcquirerAnswer> {
  return read(await exchange(config, 'POST', path, key, JSON.stringify(body)));
}

interface Heard {
  readonly status: number;
  readonly body: Buffer;
}

function read(answer: Heard): AcquirerAnswer {
  return parsed(answer, parseAcquirerReply);
}

function parsed<T>({ status, body }: Heard, parse: (input: unknown) => Parsed<T>): T {
  // Too many requests is a "later"; every other 4xx says that this request will never do.
  if (status >= 400 && status < 500 && status !== 429 && status !== 408)
    throw new AcquirerRefused(`HTTP ${status}`);
  if (status !== 200) throw new AcquirerSilent(`HTTP ${status}`);
  const json = decodeJson(body, ACQUIRER_BYTES_MAX);
  const result = json.ok ? parse(json.value) : json;
  if (result.ok) return result.value;
  const problems = describeProblems(result.problems).slice(0, 200);
  throw new AcquirerSilent(`an answer without its form: ${problems}`);
}

function exchange(
  { url, token, caPem, timeoutMs }: HttpAcquirerConfig,
  method: 'GET' | 'POST',
  path: string,
  key: string | null,
  body: string | null,
): Promise<Heard> {
  const target = new URL(path, url);
  const { promise, resolve, reject } = Promise.withResolvers<Heard>();
  const silent = (why: string): void => reject(new AcquirerSilent(why));
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
        ...(body !== null && {
          'content-type': 'application/json',
          'content-length': Buffer.byteLength(body),
        }),
      },
      ...(caPem !== undefined && { ca: caPem }),
    },
    (answer) =>
      void bytesOf(answer).then((bytes) => {
        if (bytes === null) silent('an answer that is too long or broke off');
        else resolve({ status: answer.statusCode ?? 0, body: bytes });
      }),
  );
  asked.on('error', (error: NodeJS.ErrnoException) => silent(error.code ?? error.name));
  asked.end(body ?? undefined);
  return promise;
}

/** The answer's bytes; `null` = longer than any answer may be, or cut off. */
async function bytesOf(answer: IncomingMessage): Promise<Buffer | null> {
  const parts: Buffer[] = [];
  let length = 0;
  try {
    for await (const part of answer as AsyncIterable<Buffer>) {
      length += part.length;
      if (length > ACQUIRER_BYTES_MAX) {
        answer.destroy();
        return null;
      }
      parts.push(part);
    }
  } catch {
    return null;
  }
  return answer.complete ? Buffer.concat(parts) : null;
}
