/** What commands are told apart by, and which facts they name. */
import { createHash } from 'node:crypto';
import type { SubmittedCommand } from './commands.ts';

/** Key under which a command is obeyed once. */
export function idempotencyKey(command: Pick<SubmittedCommand, 'commandId' | 'kind' | 'payload'>): string {
  const payload = command.payload as Record<string, unknown> | null;
  const named = {
    'credit-wallet': 'idempotencyKey',
    'grant-entitlement': 'entitlementId',
    'sell-pass': 'passId',
    'close-day': 'fareDay',
    'decide-repair': 'repairId',
    'book-money': 'bookingId',
  };
  const field = (named as Record<string, string>)[command.kind];
  const value = field === undefined ? undefined : payload?.[field];
  return typeof value === 'string' ? `${command.kind}:${value}` : `command:${command.commandId}`;
}

/** Entitlements that these commands speak of, for the adapter to load. */
export function entitlementsNamed(commands: readonly SubmittedCommand[]): string[] {
  const ids = commands.map(
    (command) => (command.payload as Record<string, unknown> | null)?.['entitlementId'],
  );
  return ids.filter((id): id is string => typeof id === 'string');
}

/** The same inputs in any order of fields have one text. What stands inside a field has the order that the inbox gave it. */
export function sortKeys(value: object): Record<string, unknown> {
  const entries = Object.entries(value).filter(([, item]) => item !== null && item !== undefined);
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Of what a command says, by which its key knows it again. */
export function inputSha256(kind: string, payload: object): string {
  const inputs = JSON.stringify(sortKeys(payload));
  return createHash('sha256').update(`${kind}\n${inputs}`).digest('hex');
}
