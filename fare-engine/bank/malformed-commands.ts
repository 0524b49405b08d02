/**
 * The command by which a person says what a chargeback was that came without its form: nothing (it took nothing back, or has come once
 * more and could be read), or what stood in it. Then it is taken under its number as any other: a debt of its payment, or a misfit.
 */
import type { Payload } from '../command-kinds.ts';
import type { Desk, Naming, Refusal } from '../commands.ts';
import type { Chargeback } from './acquirer.ts';
import { chargebackKey } from './chargeback-commands.ts';

/** A malformed chargeback as a command meets it. */
export interface MalformedNow {
  /** Its number; `null` = it had none that could be read. */
  readonly n: number | null;
  /** Nobody has said yet what it was. */
  readonly waits: boolean;
}

/** What a malformed chargeback was. */
export interface ChargebackRead {
  readonly acquirerId: string;
  readonly sha256: string;
  readonly chargeback: Chargeback | null;
  readonly reason: string;
  readonly saidBy: string;
  readonly knownFromMs: number;
}

/** Malformed chargebacks that these commands speak of, for the adapter to load. */
export function malformedNamed(
  commands: readonly { readonly kind: string; readonly payload: unknown }[],
): { readonly acquirerId: string; readonly sha256: string }[] {
  return commands
    .filter(({ kind }) => kind === 'read-chargeback')
    .map(({ payload }) => payload as { readonly acquirerId?: unknown; readonly sha256?: unknown } | null)
    .flatMap((said) =>
      typeof said?.acquirerId === 'string' && typeof said.sha256 === 'string'
        ? [{ acquirerId: said.acquirerId, sha256: said.sha256 }]
        : [],
    );
}

export function readChargeback(
  { acquirerId, sha256, chargeback: said, reason, by }: Payload<'read-chargeback'>,
  { knownFromMs }: Naming,
  { context, writes }: Desk,
): Refusal {
  const key = `${acquirerId}.${sha256}`;
  const malformed = context.bank.malformed.get(key);
  if (malformed === undefined) return { reason: 'CHARGEBACK_UNKNOWN', detail: key };
  const ofAcquirer = writes.chargebacksRead.filter((one) => one.acquirerId === acquirerId);
  if (!malformed.waits || ofAcquirer.some((one) => one.sha256 === sha256))
    return { reason: 'CHARGEBACK_NOT_WAITING', detail: key };
  if (said !== undefined) {
    const { n } = said;
    if (malformed.n !== null && malformed.n !== n)
      return { reason: 'COMMAND_MALFORMED', detail: `its number is ${malformed.n}` };
    const taken = ofAcquirer.some(({ chargeback }) => chargeback?.n === n);
    if (taken || context.bank.chargebacks.has(chargebackKey(acquirerId, n)))
      return { reason: 'CHARGEBACK_NUMBER_TAKEN', detail: chargebackKey(acquirerId, n) };
  }
  const chargeback = said === undefined ? null : { ...said, amountMinor: BigInt(said.amountMinor) };
  writes.chargebacksRead.push({ acquirerId, sha256, chargeback, reason, saidBy: by, knownFromMs });
  return null;
}
