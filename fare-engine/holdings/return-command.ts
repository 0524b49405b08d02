/** The command by which a pass or carnet is given back: it covers no later ride, and its money goes where it belongs. */
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal } from '../commands.ts';
import { PASS_LIABILITY, PASSES_KEPT, riderAccount, tillAccount } from '../ledger/chart-of-accounts.ts';
import type { Posting } from '../ledger/post-line.ts';
import { touchedByRight } from '../right-commands.ts';
import { giveBack, type HeldPass } from './give-back.ts';
import { runningTermOf } from './term-of.ts';

/** What has to be known before a pass is given back. */
export interface HoldingBooks {
  readonly tariffs: Pick<TariffTimeline, 'at'>;
  readonly held: ReadonlyMap<string, HeldPass>;
  /** Holders with account-days that wait. */
  readonly waiting: ReadonlySet<string>;
}

/** A holding that was given back: it covers nothing from that instant on. */
export interface ReturnFact {
  readonly passId: string;
  readonly validUntilMs: number;
  /** Digits. */
  readonly refundMinor: string;
  readonly feeMinor: string;
  /** What was used of its price. */
  readonly usedMinor: string;
  readonly currency: string;
  /** Where the money went: `till:<source>` or `rider:<account>`. */
  readonly paidTo: string;
  readonly reason: string;
  readonly saidBy: string;
  readonly knownFromMs: number;
}

/** Gives a holding back as of the instant at which it is said: rides that it has paid for before stay as they are. */
export function returnHolding(
  payload: Payload<'return-holding'>,
  { knownFromMs }: Naming,
  { context, writes, days }: Desk,
): Refusal {
  const { passId, to, source, amountMinor, reason, by } = payload;
  if ((to === 'till') !== (source !== undefined))
    return { reason: 'COMMAND_MALFORMED', detail: 'source belongs to a till, and to nothing else' };
  const held = context.holdings?.held.get(passId);
  if (context.holdings === undefined || held === undefined)
    return { reason: 'HOLDING_UNKNOWN', detail: passId };
  if (context.holdings.waiting.has(held.accountId))
    return { reason: 'HOLDING_WORK_WAITING', detail: held.accountId };
  const parts = giveBack(held, runningTermOf(context.holdings.tariffs, held, knownFromMs), knownFromMs, days);
  if (!parts.ok) return { reason: parts.reason, detail: parts.detail };
  const { refundMinor, feeMinor, usedMinor } = parts;
  if (amountMinor !== undefined && BigInt(amountMinor) !== refundMinor)
    return { reason: 'HOLDING_AMOUNT_DIFFERS', detail: `${refundMinor} ${held.currency}` };
  const paidTo = source === undefined ? riderAccount(held.accountId) : tillAccount(source);
  writes.returns.push({
    passId,
    validUntilMs: knownFromMs,
    refundMinor: refundMinor.toString(),
    feeMinor: feeMinor.toString(),
    usedMinor: usedMinor.toString(),
    currency: held.currency,
    paidTo,
    reason,
    saidBy: by,
    knownFromMs,
  });
  writes.postings.push(outOf(held, 'back', paidTo, refundMinor));
  if (feeMinor > 0n) writes.postings.push(outOf(held, 'fee', PASSES_KEPT, feeMinor));
  writes.touched.push(touchedByRight('pass', held.accountId, knownFromMs, null));
  return null;
}

/** From what is owed for the pass; under its source, so that the ledger shows what became of its price. */
function outOf(
  { passId, currency }: HeldPass,
  part: string,
  creditAccount: string,
  amountMinor: bigint,
): Posting {
  return {
    postingId: `pass:${passId}:${part}`,
    debitAccount: PASS_LIABILITY,
    creditAccount,
    amountMinor,
    currency,
    tapId: null,
    revision: null,
    source: `pass:${passId}`,
    reverses: null,
  };
}
