/**
 * The HTTP API over which a city's fare engine and a payment provider's gateway speak (docs/PAYMENT-API.md), and the signed
 * call by which the provider says that a payment has something new. A provider with an interface of its own gets a gateway that
 * speaks this, or an adapter.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { Currency } from './money.ts';
import { decodeJson, type Parsed, parserOf, refuse } from './parse.ts';

export const PAYMENT_PATHS = {
  create: '/v1/payments',
  /** With the key of the payment behind it. */
  status: '/v1/payments/',
  refund: '/v1/refunds',
} as const;

/** Longest body in either direction. */
export const PAYMENT_BYTES_MAX = 16_384;
/** Header of a call of the provider: `t=<unix seconds>,v1=<hex HMAC-SHA256 of "<t>.<body>">`; `v1` again while keys change. */
export const PAYMENT_SIGNATURE_HEADER = 'kvytok-payment-signature';
/** How far a call's time may be from ours, either way. */
export const PAYMENT_CALL_S_MAX = 300;

const Minor = Type.String({ pattern: '^[1-9][0-9]{0,11}$' });
const Reference = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$' });
/** Ours; under it a payment is made once. */
const PaymentKey = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' });
const Address = Type.String({ pattern: '^https?://[^\\s]+$', maxLength: 500 });

export const PaymentRequest = Type.Object({
  amountMinor: Minor,
  currency: Currency,
  /** What the payer reads on the provider's page. */
  description: Type.String({ minLength: 1, maxLength: 200 }),
  language: Type.Union(['uk', 'en', 'de', 'pl'].map((code) => Type.Literal(code))),
  /** Where the payer's browser goes afterwards, whatever the outcome. */
  returnUrl: Address,
  /** After so many seconds nobody can pay it any more. */
  expiresInS: Type.Integer({ minimum: 60, maximum: 86_400 }),
});
export type PaymentRequest = Static<typeof PaymentRequest>;

export const RefundRequest = Type.Object({ reference: Reference, amountMinor: Minor, currency: Currency });
export type RefundRequest = Static<typeof RefundRequest>;

/** How a payment stands. Only `open` changes by itself; what is paid stays paid, its refunds are counted beside it. */
export const PaymentState = Type.Union([
  Type.Literal('open'),
  Type.Literal('paid'),
  Type.Literal('failed'),
  Type.Literal('cancelled'),
  Type.Literal('expired'),
]);

export const PaymentReply = Type.Object({
  key: PaymentKey,
  reference: Reference,
  state: PaymentState,
  amountMinor: Minor,
  currency: Currency,
  /** The provider's page on which it is paid. */
  payUrl: Address,
});
export type PaymentReply = Static<typeof PaymentReply>;

export const RefundReply = Type.Union([
  Type.Object({ outcome: Type.Literal('refunded'), reference: Reference }),
  Type.Object({ outcome: Type.Literal('declined') }),
]);
export type RefundReply = Static<typeof RefundReply>;

/** What the provider's call says: look at this payment. What became of it is asked, never taken from here. */
export const PaymentCall = Type.Object({
  /** Of the call, the same when it is repeated. */
  id: Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_-]{7,63}$' }),
  key: PaymentKey,
  reference: Reference,
  state: PaymentState,
  amountMinor: Minor,
  currency: Currency,
});
export type PaymentCall = Static<typeof PaymentCall>;

export const parsePaymentRequest: (input: unknown) => Parsed<PaymentRequest> = parserOf(PaymentRequest);
export const parseRefundRequest: (input: unknown) => Parsed<RefundRequest> = parserOf(RefundRequest);
export const parsePaymentReply: (input: unknown) => Parsed<PaymentReply> = parserOf(PaymentReply);
export const parseRefundReply: (input: unknown) => Parsed<RefundReply> = parserOf(RefundReply);
const parseCall = parserOf(PaymentCall);

/** Signs the bytes of a call. `key` is the secret that both sides hold. */
export function signPaymentCall(body: Buffer, key: Buffer, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  return `t=${seconds},v1=${macOf(body, key, seconds).toString('hex')}`;
}

/** Why a call of the provider is not heard. */
export type CallRefusal = 'unsigned' | 'stale' | 'forged' | 'malformed';

/**
 * Opens a call: the exact bytes that came, their signature, their time. Whether it has come before is the caller's to know.
 * `keys` are those that are good now; `nowMs` is the real time.
 */
export function openPaymentCall(
  body: Buffer,
  signature: string | undefined,
  keys: readonly Buffer[],
  nowMs: number,
): { readonly ok: true; readonly call: PaymentCall } | { readonly ok: false; readonly why: CallRefusal } {
  const said = /^t=([0-9]{1,12})((?:,v1=[0-9a-f]{64}){1,4})$/.exec(signature ?? '');
  if (said === null) return { ok: false, why: 'unsigned' };
  const seconds = Number(said[1]);
  const macs = [...(said[2] as string).matchAll(/[0-9a-f]{64}/g)].map(([hex]) => Buffer.from(hex, 'hex'));
  const known = keys.some((key) => macs.some((mac) => timingSafeEqual(mac, macOf(body, key, seconds))));
  if (!known) return { ok: false, why: 'forged' };
  if (Math.abs(nowMs / 1000 - seconds) > PAYMENT_CALL_S_MAX) return { ok: false, why: 'stale' };
  const parsed = callOf(body);
  return parsed.ok ? { ok: true, call: parsed.value } : { ok: false, why: 'malformed' };
}

function callOf(body: Buffer): Parsed<PaymentCall> {
  const json = decodeJson(body, PAYMENT_BYTES_MAX);
  return json.ok ? parseCall(json.value) : refuse('no JSON');
}

function macOf(body: Buffer, key: Buffer, seconds: number): Buffer {
  return createHmac('sha256', key).update(`${seconds}.`).update(body).digest();
}
