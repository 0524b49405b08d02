/**
 * Ledger accounts as people read them: the kind of account and, where it is no person's, whose. An account id that
 * is not one of these kinds is not shown: a rider's account never leaves the ledger by name.
 */
import type { Wording } from './wording.ts';

const KIND_AND_OWNER = /^([a-z-]+)(?::(.*))?$/s;

/** The name of an account for a page or an answer. */
export function accountName(accountId: string, wording: Wording): string {
  const [, kind, owner = ''] = KIND_AND_OWNER.exec(accountId) ?? [];
  const { t, names } = wording;
  switch (kind) {
    case 'rider':
      return t('account.rider');
    case 'revenue':
      return names.carriers.has(owner)
        ? t('account.carrier', { name: wording.carrier(owner) })
        : t('account.carrierAny');
    case 'budget':
      return names.funding.has(owner)
        ? t('account.budget', { name: wording.funding(owner) })
        : t('account.budgetAny');
    case 'till':
      return t('account.topup');
    case 'loss':
      return t('account.loss');
    case 'suspense':
      return t('account.suspense');
    default:
      return t('account.other');
  }
}
