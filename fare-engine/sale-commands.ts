/** Commands about money that comes in: top-ups, and passes that are sold. */
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';
import { PASS_LIABILITY, riderAccount, tillAccount } from './ledger/chart-of-accounts.ts';
import type { Posting } from './ledger/post-line.ts';
import { touchedByRight } from './right-commands.ts';

export function creditWallet(payload: Payload<'credit-wallet'>, naming: Naming, desk: Desk): Refusal {
  const { accountId, currency, source, idempotencyKey: creditId } = payload;
  const amountMinor = BigInt(payload.amountMinor);
  desk.writes.credits.push({
    creditId,
    accountId,
    amountMinor,
    currency,
    source,
    knownFromMs: naming.knownFromMs,
  });
  const to = riderAccount(accountId);
  desk.writes.postings.push(takenIn(`credit:${creditId}`, source, to, amountMinor, currency));
  return null;
}

/** The holding is a fact; its price is owed to carriers until it is shared out. A pass given for nothing posts nothing. */
export function sellPass(payload: Payload<'sell-pass'>, { knownFromMs }: Naming, desk: Desk): Refusal {
  const { passId, accountId, fareProductId, validFromMs, currency, source } = payload;
  const amountMinor = BigInt(payload.amountMinor);
  desk.writes.passes.push({ passId, accountId, fareProductId, validFromMs, validUntilMs: null, knownFromMs });
  desk.writes.touched.push(touchedByRight('pass', accountId, validFromMs, null));
  if (amountMinor > 0n)
    desk.writes.postings.push(takenIn(`pass:${passId}`, source, PASS_LIABILITY, amountMinor, currency));
  return null;
}

function takenIn(
  postingId: string,
  source: string,
  creditAccount: string,
  amountMinor: bigint,
  currency: string,
): Posting {
  return {
    postingId,
    debitAccount: tillAccount(source),
    creditAccount,
    amountMinor,
    currency,
    tapId: null,
    revision: null,
    source: postingId,
    reverses: null,
  };
}
