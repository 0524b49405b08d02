/** The payment provider behind its HTTP API (contracts/payment-api.ts). Nothing it says is believed before it has been parsed. */
import { decodeJson, describeProblems, type Parsed } from '#contracts/parse.ts';
import {
  PAYMENT_BYTES_MAX,
  PAYMENT_PATHS,
  type PaymentReply,
  parsePaymentReply,
  parseRefundReply,
} from '#contracts/payment-api.ts';
import type {
  NoAnswer,
  PaymentAnswer,
  PaymentProvider,
  PaymentWish,
  RefundWish,
} from '../bank/payment-provider.ts';
import { exchange, type HttpHeard, type HttpOrder, type HttpPeer, isRefusal } from './http-exchange.ts';

/** Makes the port. */
export function createHttpPaymentProvider(config: HttpPeer): PaymentProvider {
  return {
    create: async ({ key, amountMinor, ...wish }: PaymentWish): Promise<PaymentAnswer> => {
      const body = { ...wish, amountMinor: amountMinor.toString() };
      return known(key, read(await hear(config, post(PAYMENT_PATHS.create, key, body)), parsePaymentReply));
    },
    status: async (key) => {
      const path = PAYMENT_PATHS.status + encodeURIComponent(key);
      const heard = await hear(config, { method: 'GET', path, key: null, body: null });
      if ('status' in heard && heard.status === 404) return { outcome: 'unknown' };
      // A question that is not taken (a wrong login) says nothing of the payment: it may have been made.
      if ('status' in heard && heard.status !== 200) return silent(`HTTP ${heard.status}`);
      return known(key, read(heard, parsePaymentReply));
    },
    refund: async ({ key, amountMinor, ...wish }: RefundWish) => {
      const body = { ...wish, amountMinor: amountMinor.toString() };
      const answer = read(await hear(config, post(PAYMENT_PATHS.refund, key, body)), parseRefundReply);
      return 'value' in answer ? answer.value : answer;
    },
  };
}

type Heard = HttpHeard | NoAnswer;
type Read<T> = { readonly value: T } | NoAnswer;

const silent = (why: string): NoAnswer => ({ outcome: 'silent', why });

const post = (path: string, key: string, body: object): HttpOrder => ({ method: 'POST', path, key, body });

async function hear(config: HttpPeer, order: HttpOrder): Promise<Heard> {
  const heard = await exchange(config, order, PAYMENT_BYTES_MAX);
  return 'why' in heard ? silent(heard.why) : heard;
}

function known(key: string, answer: Read<PaymentReply>): PaymentAnswer {
  if (!('value' in answer)) return answer;
  const { key: theirs, amountMinor, ...payment } = answer.value;
  // An answer to another question is none.
  if (theirs !== key) return silent('an answer about another payment');
  return { outcome: 'known', payment: { ...payment, amountMinor: BigInt(amountMinor) } };
}

function read<T>(heard: Heard, parse: (input: unknown) => Parsed<T>): Read<T> {
  if (!('status' in heard)) return heard;
  const { status, body } = heard;
  if (isRefusal(status)) return { outcome: 'refused', why: `HTTP ${status}` };
  if (status !== 200) return silent(`HTTP ${status}`);
  const json = decodeJson(body, PAYMENT_BYTES_MAX);
  const result = json.ok ? parse(json.value) : json;
  if (result.ok) return { value: result.value };
  return silent(`an answer without its form: ${describeProblems(result.problems).slice(0, 200)}`);
}
