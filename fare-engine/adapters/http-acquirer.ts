/** The acquirer behind its HTTP API (contracts/acquirer-api.ts). Nothing it says is believed before it has been parsed. */
import { createHash } from 'node:crypto';
import {
  ACQUIRER_BYTES_MAX,
  ACQUIRER_PATHS,
  CHARGEBACKS_BYTES_MAX,
  CHARGEBACKS_MAX,
  parseAcquirerChargeback,
  parseAcquirerChargebacks,
  parseAcquirerReply,
} from '#contracts/acquirer-api.ts';
import { decodeJson, describeProblems, type Parsed } from '#contracts/parse.ts';
import {
  type Acquirer,
  type AcquirerAnswer,
  AcquirerRefused,
  AcquirerSilent,
  type Chargeback,
  type ChargebackPage,
  type FollowUpRequest,
  type MalformedChargeback,
} from '../bank/acquirer.ts';
import { exchange, type HttpHeard, type HttpOrder, type HttpPeer, isRefusal } from './http-exchange.ts';

/** Makes the port. */
export function createHttpAcquirer(config: HttpPeer): Acquirer {
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
      const answer = await exchange(config, get(ACQUIRER_PATHS.chargebacks + after), CHARGEBACKS_BYTES_MAX);
      if ('why' in answer) {
        if (answer.tooLong !== true) throw new AcquirerSilent(answer.why);
        const problem = `the list after ${after} is longer than ${CHARGEBACKS_BYTES_MAX} bytes`;
        return { chargebacks: [], malformed: [], full: false, unread: { ...nameOf(problem), problem } };
      }
      return pageOf(parsed(answer, parseAcquirerChargebacks, CHARGEBACKS_BYTES_MAX).chargebacks);
    },
    status: async (key) => {
      const answer = await hear(config, get(ACQUIRER_PATHS.status + encodeURIComponent(key)));
      if (answer.status === 404) return null;
      // A question that is not taken (a wrong login) says nothing of what was asked for: it may have been done.
      if (answer.status !== 200) throw new AcquirerSilent(`HTTP ${answer.status}`);
      return read(answer);
    },
  };
}

const get = (path: string): HttpOrder => ({ method: 'GET', path, key: null, body: null });

async function post(config: HttpPeer, path: string, key: string, body: object): Promise<AcquirerAnswer> {
  return read(await hear(config, { method: 'POST', path, key, body }));
}

/** @throws AcquirerSilent */
async function hear(
  config: HttpPeer,
  order: HttpOrder,
  bytesMax: number = ACQUIRER_BYTES_MAX,
): Promise<HttpHeard> {
  const heard = await exchange(config, order, bytesMax);
  if ('why' in heard) throw new AcquirerSilent(heard.why);
  return heard;
}

function read(answer: HttpHeard): AcquirerAnswer {
  return parsed(answer, parseAcquirerReply);
}

function pageOf(items: readonly unknown[]): ChargebackPage {
  const chargebacks: Chargeback[] = [];
  const malformed: MalformedChargeback[] = [];
  for (const item of items.slice(0, CHARGEBACKS_MAX)) {
    const one = parseAcquirerChargeback(item);
    if (one.ok) chargebacks.push({ ...one.value, amountMinor: BigInt(one.value.amountMinor) });
    else malformed.push({ ...nameOf(item), problem: describeProblems(one.problems).slice(0, 200) });
  }
  return { chargebacks, malformed, full: items.length >= CHARGEBACKS_MAX };
}

function nameOf(item: unknown): Pick<MalformedChargeback, 'sha256' | 'n'> {
  const n = (item as { readonly n?: unknown } | null)?.n;
  const sha256 = createHash('sha256')
    .update(JSON.stringify(item) ?? '')
    .digest('hex');
  return { sha256, n: Number.isSafeInteger(n) && Number(n) > 0 ? Number(n) : null };
}

function parsed<T>(
  { status, body }: HttpHeard,
  parse: (input: unknown) => Parsed<T>,
  bytesMax: number = ACQUIRER_BYTES_MAX,
): T {
  if (isRefusal(status)) throw new AcquirerRefused(`HTTP ${status}`);
  if (status !== 200) throw new AcquirerSilent(`HTTP ${status}`);
  const json = decodeJson(body, bytesMax);
  const result = json.ok ? parse(json.value) : json;
  if (result.ok) return result.value;
  const problems = describeProblems(result.problems).slice(0, 200);
  throw new AcquirerSilent(`an answer without its form: ${problems}`);
}
