/** Rides and money by medium, category, carrier and route, what the budget owes, and the trial balance. Bars beside figures, never instead. */
import { html } from 'ghtml';
import type { BudgetWire, LedgerWire, TotalWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';
import { splitBar } from './signs.ts';

/** Far above any city's categories: a column that adds up must not be cut. */
const ROWS_SHOWN = 100;

/** One card for each dimension. */
export function moneyCards(totals: readonly TotalWire[], wording: Wording): string {
  return (['medium', 'category', 'carrier', 'route'] as const)
    .map((dimension) =>
      moneyCard(
        dimension,
        totals.filter((row) => row.dimension === dimension && isShown(row)),
        wording,
      ),
    )
    .join('');
}

/** Touches that repeat a ride make rows without rides and without money: they say nothing here. */
function isShown(row: TotalWire): boolean {
  return row.rides > 0 || BigInt(row.grossMinor) > 0n;
}

function moneyCard(dimension: TotalWire['dimension'], rows: TotalWire[], wording: Wording): string {
  const { t } = wording;
  const sorted = [...rows].sort((a, b) => b.rides - a.rides);
  const paid = (row: TotalWire) => BigInt(row.riderMinor) + BigInt(row.budgetMinor);
  const largest = sorted.reduce((max, row) => (paid(row) > max ? paid(row) : max), 0n);
  const body =
    sorted.length === 0
      ? html`<p class="empty">${t('money.empty')}</p>`
      : html`<div class="scroll" role="region" aria-labelledby="money-${dimension}" tabindex="0"><table class="money">
<caption class="sr">${t(`money.${dimension}`)}</caption>
<thead><tr><th scope="col">${t(`money.key.${dimension}`)}</th><th scope="col" class="n">${t('money.rides')}</th><th scope="col" class="n"><span class="dot dot-rider" aria-hidden="true"></span>${t('money.rider')}</th><th scope="col" class="n"><span class="dot dot-budget" aria-hidden="true"></span>${t('money.budget')}</th></tr></thead>
!${sorted.slice(0, ROWS_SHOWN).map((row) => moneyRow(row, largest, wording))}
</table></div>`;
  return html`<section class="card" aria-labelledby="money-${dimension}"><h3 id="money-${dimension}">${t(`money.${dimension}`)}</h3>!${body}</section>`;
}

function moneyRow(row: TotalWire, largest: bigint, wording: Wording): string {
  return html`<tbody><tr><th scope="row">${keyName(row, wording)}</th><td class="n">${wording.number(row.rides)}</td><td class="n">${wording.moneyShort(row.riderMinor, row.currency)}</td><td class="n">${wording.moneyShort(row.budgetMinor, row.currency)}</td></tr>
<tr class="bar-row" aria-hidden="true"><td colspan="4">!${splitBar(BigInt(row.riderMinor), BigInt(row.budgetMinor), largest)}</td></tr></tbody>`;
}

function keyName(row: TotalWire, wording: Wording): string {
  if (row.dimension === 'medium') return wording.medium(row.key);
  if (row.dimension === 'route') return row.key ? wording.route(row.key) : wording.t('money.unknown');
  return row.dimension === 'carrier' ? wording.carrier(row.key) : wording.category(row.key);
}

/** Debts by payer, concession and carrier, largest first, with their sum for each currency. */
export function budgetTable(rows: readonly BudgetWire[], wording: Wording): string {
  const { t } = wording;
  if (rows.length === 0) return html`<p class="empty">${t('budget.empty')}</p>`;
  const sorted = [...rows].sort((a, b) => Number(BigInt(b.amountMinor) - BigInt(a.amountMinor)));
  const sums = new Map<string, { rides: number; amount: bigint }>();
  for (const row of sorted) {
    const sum = sums.get(row.currency) ?? { rides: 0, amount: 0n };
    sums.set(row.currency, {
      rides: sum.rides + row.claimRides,
      amount: sum.amount + BigInt(row.amountMinor),
    });
  }
  return html`<table>
<caption class="sr">${t('budget.title')}</caption>
<thead><tr><th scope="col">${t('budget.concession')}</th><th scope="col">${t('budget.funding')}</th><th scope="col">${t('budget.carrier')}</th><th scope="col" class="n">${t('budget.rides')}</th><th scope="col" class="n">${t('budget.amount')}</th></tr></thead>
<tbody>!${sorted.map((row) => html`<tr><th scope="row">${wording.concession(row.concessionId)}</th><td>${wording.funding(row.fundingId)}</td><td>${wording.carrier(row.carrierId)}</td><td class="n">${wording.number(row.claimRides)}</td><td class="n">${wording.money(row.amountMinor, row.currency)}</td></tr>`)}</tbody>
<tfoot>!${[...sums].map(([currency, sum]) => html`<tr><th scope="row" colspan="3">${t('budget.total')}</th><td class="n">${wording.number(sum.rides)}</td><td class="n">${wording.money(sum.amount, currency)}</td></tr>`)}</tfoot>
</table>`;
}

/** The kinds of accounts that have words of their own, in the order of the chart. */
const LEDGER_KINDS = [
  'till',
  'clearing',
  'rider',
  'budget',
  'rebate',
  'loss',
  'liability',
  'revenue',
  'penalty',
  'suspense',
] as const;

/** The trial balance by kind of account: what is pending, what is final; each column of a currency sums to zero. */
export function ledgerTable(rows: readonly LedgerWire[], wording: Wording): string {
  const { t } = wording;
  if (rows.length === 0) return html`<p class="empty">${t('ledger.empty')}</p>`;
  const place = (kind: string) => LEDGER_KINDS.indexOf(kind as (typeof LEDGER_KINDS)[number]);
  const sorted = [...rows].sort((a, b) => place(a.kind) - place(b.kind));
  const name = (kind: string) =>
    place(kind) < 0 ? kind : t(`ledger.${kind as (typeof LEDGER_KINDS)[number]}`);
  const sums = Map.groupBy(sorted, (row) => row.currency);
  const sum = (own: readonly LedgerWire[], of: (row: LedgerWire) => string) =>
    own.reduce((total, row) => total + BigInt(of(row)), 0n);
  return html`<table>
<caption class="sr">${t('ledger.title')}</caption>
<thead><tr><th scope="col">${t('ledger.kind')}</th><th scope="col" class="n">${t('ledger.pending')}</th><th scope="col" class="n">${t('ledger.posted')}</th></tr></thead>
<tbody>!${sorted.map((row) => html`<tr><th scope="row">${name(row.kind)}</th><td class="n">${wording.money(row.pendingMinor, row.currency)}</td><td class="n">${wording.money(row.postedMinor, row.currency)}</td></tr>`)}</tbody>
<tfoot>!${[...sums].map(
    ([currency, own]) =>
      html`<tr><th scope="row">${t('ledger.sum')}</th><td class="n">${wording.money(
        sum(own, (row) => row.pendingMinor),
        currency,
      )}</td><td class="n">${wording.money(
        sum(own, (row) => row.postedMinor),
        currency,
      )}</td></tr>`,
  )}</tfoot>
</table>`;
}
