/**
 * The banks behind the sandbox: an account for each card, with money in it, and a transit model of a payment scheme: a nominal
 * authorisation holds nothing, a charge may be refused, a debt may be asked for again, what was authorised is taken once.
 */

export interface BankAccount {
  balanceMinor: bigint;
  /** The code with which everything is refused, e.g. `43`: the card was stolen; `null` = as the balance says. */
  block: string | null;
}

export interface IssuerOptions {
  /** What an account that nobody spoke of has at first. */
  readonly balanceMinor: bigint;
  /** Of a thousand such accounts so many are empty. */
  readonly emptyPermille: number;
  /** Does an empty account get its money by a debt's next try? */
  readonly paysLater: boolean;
}

export interface Issuer {
  accountOf(account: string): BankAccount;
  /** `00`, or why not. A charge holds its amount. */
  decide(account: string, purpose: 'nominal' | 'charge' | 'recovery', amountMinor: bigint): string;
  giveBack(account: string, amountMinor: bigint): void;
}

const APPROVED = '00';
const NOT_ENOUGH = '51';

export function createIssuer(options: IssuerOptions): Issuer {
  const accounts = new Map<string, BankAccount>();
  const accountOf = (account: string): BankAccount => {
    const known = accounts.get(account);
    if (known !== undefined) return known;
    const empty = Number.parseInt(account.slice(0, 8), 16) % 1000 < options.emptyPermille;
    const made = { balanceMinor: empty ? 0n : options.balanceMinor, block: null };
    accounts.set(account, made);
    return made;
  };
  return {
    accountOf,
    decide(account, purpose, amountMinor) {
      const bank = accountOf(account);
      if (bank.block !== null) return bank.block;
      if (purpose === 'recovery' && bank.balanceMinor < amountMinor && options.paysLater)
        bank.balanceMinor += options.balanceMinor;
      if (bank.balanceMinor < amountMinor) return NOT_ENOUGH;
      if (purpose !== 'nominal') bank.balanceMinor -= amountMinor;
      return APPROVED;
    },
    giveBack(account, amountMinor) {
      accountOf(account).balanceMinor += amountMinor;
    },
  };
}
