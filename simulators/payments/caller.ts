/** The sandbox provider's signed calls to the city: sent again, a few times, until somebody says 2xx. */
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { PAYMENT_SIGNATURE_HEADER, type PaymentCall, signPaymentCall } from '#contracts/payment-api.ts';
import type { SandboxPayment } from './books.ts';
import { type PaymentMisbehaviour, takeOne } from './misbehaviour.ts';

const TRIES_MAX = 3;
const AGAIN_MS = 500;
const ANSWER_MS_MAX = 5000;

export interface Caller {
  setUrl(url: string): void;
  /** Tells the city how a payment stands, now or later, once or twice or not at all. */
  tell(payment: SandboxPayment): void;
  /** Resolves when all that was told is out. */
  idle(): Promise<void>;
  stop(): void;
}

export function createCaller(options: {
  readonly key: Buffer;
  readonly realMs: () => number;
  readonly misbehaviour: PaymentMisbehaviour;
}): Caller {
  const { key, realMs, misbehaviour } = options;
  const ending = new AbortController();
  const pending = new Set<Promise<void>>();
  let url: string | undefined;

  const post = async (body: Buffer): Promise<boolean> => {
    if (url === undefined) return false;
    const signing = takeOne(misbehaviour, 'wrongSignatures') ? Buffer.alloc(32, 7) : key;
    const signature = signPaymentCall(body, signing, realMs() - misbehaviour.callAgeMs);
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', [PAYMENT_SIGNATURE_HEADER]: signature },
      body,
      signal: AbortSignal.any([ending.signal, AbortSignal.timeout(ANSWER_MS_MAX)]),
    });
    await answer.arrayBuffer();
    return answer.ok;
  };
  const call = async (body: Buffer): Promise<void> => {
    if (misbehaviour.callDelayMs > 0) await delay(misbehaviour.callDelayMs, undefined, ending);
    for (let tried = 0; tried < TRIES_MAX; tried += 1) {
      if (await post(body).catch(() => false)) return;
      if (tried + 1 < TRIES_MAX) await delay(AGAIN_MS, undefined, ending);
    }
  };
  return {
    setUrl: (to) => {
      url = to;
    },
    tell: ({ key: paymentKey, reference, state, amountMinor, currency }) => {
      const said: PaymentCall = {
        id: randomUUID(),
        key: paymentKey,
        reference,
        state,
        amountMinor: (BigInt(amountMinor) + misbehaviour.wrongAmountMinor).toString(),
        currency,
      };
      const body = Buffer.from(JSON.stringify(said));
      for (let n = 0; n < misbehaviour.callsEach; n += 1) {
        const sent: Promise<void> = call(body)
          .catch(() => {})
          .finally(() => pending.delete(sent));
        pending.add(sent);
      }
    },
    idle: async () => {
      while (pending.size > 0) await Promise.all(pending);
    },
    stop: () => ending.abort(),
  };
}
