/** One bank card, its days and its payments in memory, driven by the bank's pure core as the adapters drive it. */
import type { BankTerms } from '../../../fare-engine/bank/bank-terms.ts';
import { type PaymentHistory, readHistory } from '../../../fare-engine/bank/card-history.ts';
import { judgeChargeback } from '../../../fare-engine/bank/chargeback.ts';
import {
  isOwed,
  isPayable,
  nextStep,
  type PaymentEvent,
  type PaymentItem,
  standingOf,
  sumsOf,
} from '../../../fare-engine/bank/payment.ts';
import { type CardPlan, type PlannedPayment, planCard } from '../../../fare-engine/bank/plan-payments.ts';
import { type PaymentBooks, postEvent } from '../../../fare-engine/bank/post-payment.ts';
import { TERMS } from './bank-terms.ts';

const HOUR_MS = 3_600_000;
const HOLDERS = { acquirerId: 'acq', providerId: 'pay' };
const NOTHING_SAID = { key: null, code: null, reference: null, amountMinor: null } as const;
type Said = Pick<PaymentEvent, 'kind'> & Partial<PaymentEvent>;

export interface CardInMemory extends PaymentBooks {
  readonly payment: PlannedPayment;
  readonly events: PaymentEvent[];
}

export class OneCard {
  nowMs = Date.parse('2025-10-14T06:00:00Z');
  /** The bank's word, asked for each authorisation and refund. */
  approves: () => boolean = () => true;
  /** The terms of a fare day. */
  termsOf: (fareDay: string) => BankTerms = () => TERMS;
  readonly payments: CardInMemory[] = [];
  /** What was taken from and given back to the cardholder, whoever did it. */
  takenMinor = 0n;
  private readonly due = new Map<string, Map<string, bigint>>();
  private readonly queue = new Map<string, number | null>();
  private readonly balances = new Map<string, bigint>();
  private closedUntil: string | null = null;

  /** What a day's rides cost an account, whatever it was before; `queued`: whether the engine is told. */
  cost(fareDay: string, accountId: string, minor: bigint, queued: boolean): void {
    const day = this.due.get(fareDay) ?? new Map<string, bigint>();
    this.due.set(fareDay, day);
    this.post(`rider:${accountId}`, minor - (day.get(accountId) ?? 0n));
    day.set(accountId, minor);
    if (queued || !this.queue.has(fareDay)) this.queue.set(fareDay, queued ? this.nowMs : null);
  }

  /** An open or closed day's rides are another account's after all. */
  move(fareDay: string, from: string, to: string, queued: boolean): void {
    const minor = this.due.get(fareDay)?.get(from) ?? 0n;
    const had = this.due.get(fareDay)?.get(to) ?? 0n;
    this.cost(fareDay, from, 0n, queued);
    this.cost(fareDay, to, had + minor, queued);
  }

  close(fareDay: string): void {
    if (this.closedUntil === null || fareDay > this.closedUntil) this.closedUntil = fareDay;
    this.nowMs = Math.max(this.nowMs, Date.parse(fareDay) + 30 * HOUR_MS);
  }

  isClosed(fareDay: string): boolean {
    return this.closedUntil !== null && fareDay <= this.closedUntil;
  }

  /** As the bank desk: plans when something is due, then takes payments as far as they go. */
  turn(): void {
    for (let turns = 0; this.isDue(); turns += 1) {
      if (turns > 50) throw new Error('it plans for ever');
      const days = [...this.queue.keys()];
      this.queue.clear();
      // Time goes on, or what is asked, withdrawn and asked once more would have one id.
      this.nowMs += 1;
      this.obey(this.plan(days));
    }
    for (const one of this.payments) this.work(one);
    if (this.isDue()) this.turn();
  }

  private isDue(): boolean {
    return [...this.queue].some(([day, ms]) => (ms === null ? this.isClosed(day) : ms <= this.nowMs));
  }

  private plan(days: readonly string[]): CardPlan {
    const { owes: _, ...history } = readHistory(this.history());
    return planCard(
      {
        ...history,
        tokenId: 'k2.card',
        days,
        tapId: 'tap-1',
        fresh: false,
        due: this.dueOf().filter(({ fareDay }) => days.includes(fareDay)),
        asked: this.asked().filter(({ fareDay }) => days.includes(fareDay)),
      },
      (day) => this.termsOf(day),
      { nowMs: this.nowMs, closedUntil: this.closedUntil },
    );
  }

  private history(): PaymentHistory[] {
    return [...this.payments].reverse();
  }

  private obey({ payments, withdrawn, lookAgain }: CardPlan): void {
    for (const { fareDay, lookMs } of lookAgain) this.queue.set(fareDay, lookMs);
    for (const payment of payments) {
      if (this.payments.some((one) => one.payment.paymentId === payment.paymentId))
        throw new Error('the same payment twice');
      const made: CardInMemory = { payment, items: payment.items, events: [] };
      this.payments.push(made);
      if (payment.kind !== 'offset') continue;
      const debt = this.payments.find((one) => one.payment.paymentId === payment.refunds);
      this.append(made, { kind: 'settled' }, debt);
      if (debt !== undefined) this.append(debt, { kind: 'lowered', amountMinor: payment.amountMinor });
    }
    for (const one of this.payments)
      if (withdrawn.includes(one.payment.paymentId)) {
        this.append(one, { kind: 'withdrawn' });
        this.lookAt(one, this.nowMs);
      }
  }

  private lookAt({ items }: PaymentBooks, atMs: number): void {
    for (const { fareDay } of items) this.queue.set(fareDay, atMs);
  }

  private work(one: CardInMemory): void {
    for (;;) {
      const step = nextStep(one.payment, one.events, TERMS, this.nowMs);
      if (step.do === 'wait') return;
      if (step.do === 'write-off') this.append(one, { kind: 'written-off' });
      else if (step.do === 'ask') this.append(one, { kind: 'asked', key: step.key });
      else if (step.operation === 'clear') {
        this.takenMinor += one.payment.amountMinor;
        this.append(one, { kind: 'cleared', key: step.key });
      } else if (!this.approves()) {
        this.append(one, { kind: 'declined', key: step.key, code: '51' });
        if (one.payment.kind === 'refund') this.lookAt(one, this.nowMs + 24 * HOUR_MS);
      } else if (step.operation === 'refund') {
        this.takenMinor -= one.payment.amountMinor;
        this.append(one, { kind: 'refunded', key: step.key });
      } else this.append(one, { kind: 'approved', key: step.key });
    }
  }

  /** A bank takes back a part of the latest charge that has so much left; does nothing when there is none. */
  chargeBack(share: (leftMinor: bigint) => bigint): void {
    const one = this.payments.findLast(({ payment, events }) => {
      const refunded = this.payments.some((other) => other.payment.refunds === payment.paymentId);
      return payment.kind === 'charge' && !refunded && sumsOf(payment, events).cleared;
    });
    if (one === undefined) return;
    const { backMinor } = sumsOf(one.payment, one.events);
    const amountMinor = share(one.payment.amountMinor - backMinor);
    if (judgeChargeback({ amountMinor, currency: 'UAH' }, one) !== null) return;
    this.takenMinor -= amountMinor;
    this.append(one, { kind: 'charged-back', amountMinor, code: '13' });
  }

  /** Pays the oldest debt at a till; whether there was one. */
  pay(): boolean {
    for (const one of this.payments) {
      const standing = standingOf(one.payment, one.events);
      if (!isPayable(standing)) continue;
      this.takenMinor += standing.owedMinor;
      this.append(one, { kind: 'paid', amountMinor: standing.owedMinor });
      return true;
    }
    return false;
  }

  private append(one: CardInMemory, said: Said, lowered?: PaymentBooks): void {
    const event = { ...NOTHING_SAID, ...said, n: one.events.length + 1, atMs: this.nowMs };
    for (const { debitAccount, creditAccount, amountMinor } of postEvent(one, event, HOLDERS, { lowered })) {
      this.post(debitAccount, amountMinor);
      this.post(creditAccount, -amountMinor);
    }
    one.events.push(event);
  }

  private post(account: string, minor: bigint): void {
    this.balances.set(account, (this.balances.get(account) ?? 0n) + minor);
  }

  balance(account: string): bigint {
    return this.balances.get(account) ?? 0n;
  }

  dueOf(): PaymentItem[] {
    return [...this.due].flatMap(([fareDay, accounts]) =>
      [...accounts].map(([accountId, amountMinor]) => ({ fareDay, accountId, amountMinor })),
    );
  }

  /** What payments that count ask for. */
  asked(): PaymentItem[] {
    return this.payments.flatMap(({ payment, items, events }) =>
      events.some(({ kind }) => kind === 'withdrawn' || (payment.kind === 'refund' && kind === 'declined'))
        ? []
        : items,
    );
  }

  /** Differences that no payment asks for, by day and account. */
  differences(): ReadonlyMap<string, bigint> {
    const left = new Map<string, bigint>();
    const add = ({ fareDay, accountId, amountMinor }: PaymentItem, sign: bigint): void => {
      const key = `${fareDay} ${accountId}`;
      left.set(key, (left.get(key) ?? 0n) + sign * amountMinor);
    };
    for (const item of this.dueOf()) add(item, 1n);
    for (const item of this.asked()) add(item, -1n);
    return new Map([...left].filter(([, minor]) => minor !== 0n));
  }

  /** Days with a difference that nobody looks at any more: there must be none. */
  forgotten(): string[] {
    return [...this.differences().keys()].filter((key) => !this.queue.has(key.split(' ')[0] as string));
  }

  owedMinor(): bigint {
    return this.payments.reduce((sum, { payment, events }) => {
      const standing = standingOf(payment, events);
      return sum + (isOwed(standing) ? standing.owedMinor : 0n);
    }, 0n);
  }
}
