/**
 * The sandbox acquirer's own books: every request under its key, done once; what it has taken, given back and had to take back;
 * and the clearing file that says so. Pure but for the issuer that it asks.
 */
import type { AcquirerAuthorisation, AcquirerFollowUp, AcquirerReply } from '#contracts/acquirer-api.ts';
import type { Issuer } from './issuer.ts';
import type { OpenedCard } from './open-sealed.ts';

/** A line of the clearing file. */
export interface ClearingLine {
  readonly settledOn: string;
  readonly kind: 'clearing' | 'refund' | 'chargeback';
  readonly reference: string;
  amountMinor: bigint;
  readonly currency: string;
  readonly feeMinor: bigint;
}

interface Done {
  readonly input: string;
  readonly reply: AcquirerReply;
}

interface Authorised {
  readonly account: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  taken: boolean;
}

interface Taken extends Omit<Authorised, 'taken'> {
  leftMinor: bigint;
}

export class SandboxBooks {
  readonly lines: ClearingLine[] = [];
  private readonly done = new Map<string, Done>();
  private readonly authorised = new Map<string, Authorised>();
  private readonly taken = new Map<string, Taken>();
  private readonly issuer: Issuer;
  private readonly feePermille: bigint;
  private last = 0;

  constructor(issuer: Issuer, feePermille: bigint) {
    this.issuer = issuer;
    this.feePermille = feePermille;
  }

  /** How many refunds to come it declines, whatever was taken. */
  refundsToDecline = 0;
  /** Its first chargeback has the number after this one. */
  chargebacksBefore = 0;

  /** Misbehaves: loses its log, and with it what was done under which key. */
  forgetKeys(): void {
    this.done.clear();
  }

  /** What was answered to a key; `undefined` = nothing was asked under it. */
  find(key: string): AcquirerReply | undefined {
    return this.done.get(key)?.reply;
  }

  /** Requests that were done. */
  get size(): number {
    return this.done.size;
  }

  /** @throws Error KEY_REUSED for the same key with another request. */
  authorise(key: string, request: AcquirerAuthorisation, card: OpenedCard, today: string): AcquirerReply {
    return this.once(key, JSON.stringify(request), () => {
      const amountMinor = BigInt(request.amountMinor);
      const expired = card.expiry !== null && card.expiry < today.slice(2).replaceAll('-', '');
      const code = expired ? '54' : this.issuer.decide(card.account, request.purpose, amountMinor);
      if (code !== '00') return { outcome: 'declined', code };
      const reference = this.name('a');
      if (request.purpose !== 'nominal') {
        const { currency } = request;
        this.authorised.set(reference, { account: card.account, amountMinor, currency, taken: false });
      }
      return { outcome: 'approved', code, reference, ...(card.par !== null && { par: card.par }) };
    });
  }

  clear(key: string, request: AcquirerFollowUp, today: string): AcquirerReply {
    return this.once(key, JSON.stringify(request), () => {
      const held = this.authorised.get(request.reference);
      const same = held?.amountMinor === BigInt(request.amountMinor) && held.currency === request.currency;
      // 12: an invalid transaction.
      if (held === undefined || held.taken || !same) return { outcome: 'declined', code: '12' };
      held.taken = true;
      const reference = this.name('c');
      this.taken.set(reference, { ...held, leftMinor: held.amountMinor });
      this.line('clearing', reference, held.amountMinor, held.currency, today);
      return { outcome: 'approved', code: '00', reference };
    });
  }

  refund(key: string, request: AcquirerFollowUp, today: string): AcquirerReply {
    return this.once(key, JSON.stringify(request), () => {
      const taken = this.taken.get(request.reference);
      const amountMinor = BigInt(request.amountMinor);
      if (this.refundsToDecline > 0) {
        this.refundsToDecline -= 1;
        return { outcome: 'declined', code: '57' };
      }
      if (taken === undefined || taken.leftMinor < amountMinor || taken.currency !== request.currency)
        return { outcome: 'declined', code: '12' };
      taken.leftMinor -= amountMinor;
      this.issuer.giveBack(taken.account, amountMinor);
      const reference = this.name('r');
      this.line('refund', reference, amountMinor, taken.currency, today);
      return { outcome: 'approved', code: '00', reference };
    });
  }

  /** A cardholder disputes a clearing: the bank takes it back, or a part of it, perhaps weeks later. */
  chargeBack(reference: string, today: string, partMinor?: bigint): void {
    const taken = this.taken.get(reference);
    const amountMinor = partMinor ?? taken?.leftMinor ?? 0n;
    if (taken === undefined || amountMinor <= 0n || taken.leftMinor < amountMinor)
      throw new Error(`nothing to charge back: ${reference}`);
    this.issuer.giveBack(taken.account, amountMinor);
    this.line('chargeback', reference, amountMinor, taken.currency, today);
    taken.leftMinor -= amountMinor;
  }

  /** Misbehaves: charges back what it never took. */
  inventChargeback(reference: string, amountMinor: bigint, currency: string, today: string): void {
    this.line('chargeback', reference, amountMinor, currency, today);
  }

  /** Chargebacks after the n-th, as the API gives them. */
  chargebacks(after: number) {
    return this.lines
      .filter(({ kind }) => kind === 'chargeback')
      .map(({ reference, amountMinor, currency }, at) => ({
        ...{ n: this.chargebacksBefore + at + 1, reference, code: '13' },
        ...{ amountMinor: amountMinor.toString(), currency },
      }))
      .filter(({ n }) => n > after)
      .slice(0, 100);
  }

  /** The file of a day, CSV. */
  clearingFile(day: string): string {
    const rows = this.lines
      .filter(({ settledOn }) => settledOn === day)
      .map((line) =>
        [line.settledOn, line.kind, line.reference, line.amountMinor, line.currency, line.feeMinor].join(','),
      );
    return `${['settled_on,kind,reference,amount_minor,currency,fee_minor', ...rows].join('\n')}\n`;
  }

  private once(key: string, input: string, work: () => AcquirerReply): AcquirerReply {
    const before = this.done.get(key);
    if (before !== undefined && before.input !== input) throw new Error('KEY_REUSED');
    if (before !== undefined) return before.reply;
    const reply = work();
    this.done.set(key, { input, reply });
    return reply;
  }

  private line(
    kind: ClearingLine['kind'],
    reference: string,
    amountMinor: bigint,
    currency: string,
    settledOn: string,
  ) {
    const feeMinor = kind === 'clearing' ? (amountMinor * this.feePermille + 500n) / 1000n : 0n;
    this.lines.push({ settledOn, kind, reference, amountMinor, currency, feeMinor });
  }

  private name(sort: string): string {
    this.last += 1;
    return `sb-${sort}${this.last}`;
  }
}
