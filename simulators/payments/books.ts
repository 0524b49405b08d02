/** The sandbox provider's own books: payments by key, refunds, and the report of a day that says so. Pure. */
import type { PaymentReply, PaymentRequest, RefundReply, RefundRequest } from '#contracts/payment-api.ts';

/** A payment as the sandbox has it. */
export interface SandboxPayment extends PaymentRequest {
  readonly key: string;
  readonly reference: string;
  readonly input: string;
  readonly expiresAtMs: number;
  state: PaymentReply['state'];
  refundedMinor: bigint;
}

/** What happened, in order: done once more in the next life, it gives the same books. */
export type BookEntry =
  | { readonly do: 'create'; readonly key: string; readonly request: PaymentRequest; readonly atMs: number }
  | { readonly do: 'end'; readonly reference: string; readonly state: EndState; readonly day: string }
  | { readonly do: 'refund'; readonly key: string; readonly request: RefundRequest; readonly day: string };

export type EndState = 'paid' | 'failed' | 'cancelled';

/** A line of the provider's report; a refund is below zero under a reference of its own. */
export interface ReportLine {
  readonly paidOn: string;
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly feeMinor: bigint;
}

export class PaymentBooks {
  readonly lines: ReportLine[] = [];
  private readonly byKey = new Map<string, SandboxPayment>();
  private readonly byReference = new Map<string, SandboxPayment>();
  private readonly refunds = new Map<string, { readonly input: string; readonly reply: RefundReply }>();
  private readonly feePermille: bigint;
  private last = 0;

  constructor(feePermille: bigint) {
    this.feePermille = feePermille;
  }

  /** @throws Error KEY_REUSED for the same key with another request. */
  create(key: string, request: PaymentRequest, atMs: number): SandboxPayment {
    const input = JSON.stringify(request);
    const before = this.byKey.get(key);
    if (before !== undefined && before.input !== input) throw new Error('KEY_REUSED');
    if (before !== undefined) return before;
    const made: SandboxPayment = {
      ...request,
      key,
      input,
      reference: this.name('p'),
      expiresAtMs: atMs + request.expiresInS * 1000,
      state: 'open',
      refundedMinor: 0n,
    };
    this.byKey.set(key, made);
    this.byReference.set(made.reference, made);
    return made;
  }

  find(key: string, atMs: number): SandboxPayment | undefined {
    return this.aged(this.byKey.get(key), atMs);
  }

  byName(reference: string, atMs: number): SandboxPayment | undefined {
    return this.aged(this.byReference.get(reference), atMs);
  }

  /** The payer has paid, failed or left; only an open payment ends. */
  end(payment: SandboxPayment, state: EndState, day: string): boolean {
    if (payment.state !== 'open') return false;
    payment.state = state;
    if (state === 'paid') this.line(payment.reference, BigInt(payment.amountMinor), payment.currency, day);
    return true;
  }

  /** @throws Error KEY_REUSED for the same key with another request. */
  refund(key: string, request: RefundRequest, day: string): RefundReply {
    const input = JSON.stringify(request);
    const before = this.refunds.get(key);
    if (before !== undefined && before.input !== input) throw new Error('KEY_REUSED');
    if (before !== undefined) return before.reply;
    const reply = this.giveBack(request, day);
    this.refunds.set(key, { input, reply });
    return reply;
  }

  /** The report of a day, CSV, as `kvytok reconcile bank --provider` reads it. */
  report(day: string): string {
    const rows = this.lines
      .filter(({ paidOn }) => paidOn === day)
      .map((line) => [line.paidOn, line.reference, line.amountMinor, line.currency, line.feeMinor].join(','));
    return `${['paid_on,reference,amount_minor,currency,fee_minor', ...rows].join('\n')}\n`;
  }

  private giveBack({ reference, amountMinor, currency }: RefundRequest, day: string): RefundReply {
    const payment = this.byReference.get(reference);
    const minor = BigInt(amountMinor);
    const left = payment?.state === 'paid' ? BigInt(payment.amountMinor) - payment.refundedMinor : 0n;
    if (payment === undefined || payment.currency !== currency || left < minor)
      return { outcome: 'declined' };
    payment.refundedMinor += minor;
    const name = this.name('r');
    this.line(name, -minor, currency, day);
    return { outcome: 'refunded', reference: name };
  }

  private aged(payment: SandboxPayment | undefined, atMs: number): SandboxPayment | undefined {
    if (payment?.state === 'open' && atMs >= payment.expiresAtMs) payment.state = 'expired';
    return payment;
  }

  private line(reference: string, amountMinor: bigint, currency: string, paidOn: string): void {
    const feeMinor = amountMinor > 0n ? (amountMinor * this.feePermille + 500n) / 1000n : 0n;
    this.lines.push({ paidOn, reference, amountMinor, currency, feeMinor });
  }

  private name(sort: string): string {
    this.last += 1;
    return `sp-${sort}${this.last}`;
  }
}
