/** The debt page: the reference asked for, and what is owed under it, day by day, with why each ride cost what it cost. */
import { html } from 'ghtml';
import { formatDebtReference, wholeReference } from '#contracts/debt-reference.ts';
import { explainTap } from '../explain.ts';
import type { DebtView } from '../ports.ts';
import type { ExplanationWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';
import { page } from './page.ts';
import { tapPath } from './taps.ts';

/** What was wrong with a typed reference. */
export type ReferenceProblem = 'malformed' | 'cardNumber';

const EXAMPLE = formatDebtReference(wholeReference('K7MP2XHA94CT3EX'));

/**
 * A page that awaits the bank's word loads itself anew so often and so fast, without scripts; it stays under what one address may ask
 * for in a minute.
 */
export const LOOKS_MAX = 30;
const LOOK_AGAIN_S = 4;

/** Address of a debt's page. */
export const debtPath = (reference: string): string => `/debt/${reference}`;

/** Asks for the reference. `typed` is shown again where it was no card number. */
export function debtForm(wording: Wording, problem?: ReferenceProblem, typed = ''): string {
  const { t } = wording;
  const wrong =
    problem === undefined
      ? ''
      : html`<p class="field-error" id="reference-error">${t(`debt.${problem}`)}</p>`;
  const described = problem === undefined ? 'reference-hint' : 'reference-error reference-hint';
  return page(wording, {
    title: t('debt.title'),
    path: '/debt',
    body: html`<div class="card sheet-page debt"><h1>${t('debt.title')}</h1><p>${t('debt.lead')}</p>
<form method="post" action="/debt" class="debt-form">
<label for="reference">${t('debt.label')}</label>
!${wrong}
<input id="reference" name="reference" value="${problem === 'cardNumber' ? '' : typed}" autocomplete="off" autocapitalize="characters" spellcheck="false" maxlength="40" required aria-describedby="${described}" !${problem === undefined ? '' : 'aria-invalid="true" autofocus'}>
<p class="hint" id="reference-hint">${t('debt.hint', { example: EXAMPLE })}</p>
<button class="button">${t('debt.find')}</button>
</form><p class="hint">${t('debt.where')}</p></div>`,
  });
}

/**
 * What is owed under a reference. Of one that does not exist it says the same as of one that owes nothing. A card is off the
 * list of those taken as soon as its bank says no; the sum that is owed stands a moment later: until then the page looks again.
 *
 * @param looks how often the page has come by itself
 */
export function debtPage(reference: string, view: DebtView | null, wording: Wording, looks = 0): string {
  const { t } = wording;
  const owes = view !== null && view.debts.length > 0;
  const again = isAwaited(view) && looks < LOOKS_MAX;
  const body = owes ? owedBody(reference, view, wording, again) : nothingBody(view, wording, again);
  const url = `${debtPath(reference)}?lang=${wording.language}&n=${looks + 1}`;
  return page(wording, {
    title: t('debt.title'),
    path: debtPath(reference),
    ...(again && { refresh: { afterS: LOOK_AGAIN_S, url } }),
    body: html`<p class="crumbs"><a href="/debt">← ${t('debt.label')}</a></p><div class="card sheet-page debt">
<p class="eyebrow">${t('debt.title')} · <span class="debt-reference">${formatDebtReference(reference)}</span></p>
!${body}</div>`,
  });
}

/** The bank has a word to say that changes this page. */
function isAwaited(view: DebtView | null): boolean {
  return view !== null && (view.asking || (view.debts.length === 0 && isBankDenial(view.denied)));
}

const isBankDenial = (denied: string | null): boolean => denied === 'debt' || denied === 'unconfirmed';

function askingText({ t }: Wording, again: boolean): string {
  return html`<p role="status">${t('debt.asking')} ${t(again ? 'debt.looksAgain' : 'debt.lookLater')}</p>`;
}

function nothingBody(view: DebtView | null, wording: Wording, again: boolean): string {
  const { t } = wording;
  if (view?.asking === true) return html`<h1>${t('debt.title')}</h1>!${askingText(wording, again)}`;
  const denied = view?.denied ?? null;
  const mine = isBankDenial(denied);
  const text = denied === null ? 'debt.noneText' : mine ? 'debt.unconfirmed' : 'debt.otherReason';
  return html`<h1>${t('debt.none')}</h1><p>${t(text)}</p>!${again ? html`<p role="status">${t('debt.looksAgain')}</p>` : ''}`;
}

function owedBody(reference: string, view: DebtView, wording: Wording, again: boolean): string {
  const { t } = wording;
  const sinceMs = Math.min(...view.debts.map((debt) => debt.sinceMs));
  const other = view.denied !== null && !isBankDenial(view.denied);
  return html`<h1 class="debt-total"><span>${t('debt.total')}</span> ${owedText(view, wording)}</h1>
<p>${t('debt.refused', { date: wording.date(sinceMs) })}</p>
!${other ? html`<p>${t('debt.otherReason')}</p>` : ''}
!${view.asking ? askingText(wording, again) : actOf(reference, view, wording)}
<h2>${t('debt.why')}</h2>
!${daysOf(view, wording)}
<p class="hint">${t('debt.private')}</p>`;
}

/** All of it, by currency. */
function owedText({ debts }: DebtView, wording: Wording): string {
  const sums = new Map<string, bigint>();
  for (const { currency, amountMinor } of debts)
    sums.set(currency, (sums.get(currency) ?? 0n) + BigInt(amountMinor));
  return [...sums].map(([currency, minor]) => wording.money(minor, currency)).join(' + ');
}

function actOf(reference: string, view: DebtView, wording: Wording): string {
  const { t } = wording;
  const payment = `${debtPath(reference)}/payment`;
  if (view.debts.some(({ state }) => state === 'held'))
    return html`<p>${t('debt.held')}</p><p><a class="button" href="${payment}">${t('debt.continue')}</a></p>`;
  return html`<form method="post" action="${payment}"><button class="button button-main">${t('debt.pay', { amount: owedText(view, wording) })}</button></form>`;
}

interface Day {
  readonly fareDay: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly rides: readonly ExplanationWire[];
}

function daysOf(view: DebtView, wording: Wording): string {
  return html`!${days(view, wording).map((day) => dayBody(day, wording))}`;
}

function days({ debts, rides }: DebtView, wording: Wording): Day[] {
  const explained = rides.map(({ tap, explanations }) => explainTap(tap, explanations, wording));
  const found = new Map<string, Day>();
  for (const { currency, days: parts } of debts)
    for (const { fareDay, amountMinor } of parts) {
      const before = found.get(fareDay)?.amountMinor ?? 0n;
      const mine = explained.filter(({ revisions }) => revisions[0]?.fareDay === fareDay);
      found.set(fareDay, { fareDay, currency, amountMinor: before + BigInt(amountMinor), rides: mine });
    }
  return [...found.values()].sort((a, b) => (a.fareDay < b.fareDay ? -1 : 1));
}

function dayBody({ fareDay, amountMinor, currency, rides }: Day, wording: Wording): string {
  const { t } = wording;
  const cost = rides.reduce((sum, { tap }) => sum + BigInt(tap.riderMinor), 0n);
  const title = wording.date(Date.parse(`${fareDay}T12:00:00Z`));
  return html`<section class="debt-day"><h3>${title}: ${wording.money(amountMinor, currency)}</h3>
<ul class="debt-rides">!${rides.map((ride) => rideRow(ride, wording))}</ul>
!${cost === amountMinor ? '' : html`<p class="hint">${t('debt.rest')}</p>`}</section>`;
}

/** What it cost by the steps of its price: the sentence of an explanation would call it paid. */
function rideRow({ tap, revisions }: ExplanationWire, wording: Wording): string {
  const steps = revisions[0]?.steps.map(({ text }) => text).join('; ') ?? '';
  return html`<li><span class="debt-ride-time">${wording.time(tap.fareAtMs)}</span> <span class="${wording.routeClass(tap.routeId)}">${wording.route(tap.routeId)}</span>
<span class="debt-ride-text">${steps}</span> <strong>${wording.money(tap.riderMinor, tap.currency)}</strong>
<a href="${tapPath(tap.tapId)}">${wording.t('debt.explain')}<span class="sr">: ${wording.time(tap.fareAtMs)}</span></a></li>`;
}
