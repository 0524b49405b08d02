/** How a debt's payment stands: works without scripts, so what is awaited reloads the page, a bounded number of times. */
import { html } from 'ghtml';
import type { TextKey } from '../catalogues/catalogue.ts';
import type { DebtView } from '../ports.ts';
import type { Wording } from '../wording.ts';
import { debtPath } from './debt.ts';
import { page } from './page.ts';

/** A page that reloads itself does so at most so often: then its reader does. */
export const RELOADS_MAX = 90;

export interface PaymentVisit {
  readonly reference: string;
  /** The rider has been at the provider's page. */
  readonly back: boolean;
  /** How often the page has come by itself, the first time after the wish to pay included; 0 = somebody opened it. */
  readonly reloads: number;
  /** A payment of this time or before is an earlier one: another has been asked for since. 0 = none was. */
  readonly afterMs: number;
}

interface Said {
  readonly title: string;
  readonly text: string;
  /** Reloads by itself after so long. */
  readonly againS?: number;
  readonly link?: { readonly href: string; readonly label: string };
}

/** The page of the latest payment under a reference. */
export function debtPaymentPage(visit: PaymentVisit, view: DebtView | null, wording: Wording): string {
  const { t } = wording;
  const said = saidOf(visit, view, wording);
  const path = `${debtPath(visit.reference)}/payment`;
  const back = visit.back ? '&back=1' : '';
  const after = visit.afterMs > 0 ? `&after=${visit.afterMs}` : '';
  const url = `${path}?lang=${wording.language}${back}${after}&n=${visit.reloads + 1}`;
  const reload = said.againS !== undefined && visit.reloads < RELOADS_MAX;
  return page(wording, {
    title: `${said.title} – ${t('debt.paying')}`,
    path,
    ...(reload && { refresh: { afterS: said.againS as number, url } }),
    body: html`<p class="crumbs"><a href="${debtPath(visit.reference)}">← ${t('debt.again')}</a></p>
<div class="card sheet-page debt"><p class="eyebrow">${t('debt.paying')}</p>
<div role="status"><h1>${said.title}</h1><p>${said.text}</p></div>
!${said.link === undefined ? '' : html`<p><a class="button button-main" href="${said.link.href}">${said.link.label}</a></p>`}</div>`,
  });
}

function saidOf(
  { reference, back, reloads, afterMs }: PaymentVisit,
  view: DebtView | null,
  wording: Wording,
): Said {
  const { t } = wording;
  const again = { href: debtPath(reference), label: t('debt.again') };
  const latest = view?.payment ?? null;
  const payment = latest !== null && (latest.events[0]?.atMs ?? 0) <= afterMs && afterMs > 0 ? null : latest;
  if (payment === null && reloads === 0)
    return { title: t('debt.paying'), text: t('debt.nothingBegun'), link: again };
  // The wish was written down, and the desk has not come to it yet.
  if (payment === null) return { title: t('debt.preparing'), text: t('debt.preparingText'), againS: 1 };
  const amount = wording.money(payment.amountMinor, payment.currency);
  const last = payment.events.at(-1);
  const overMinor = payment.events.find(({ kind }) => kind === 'over')?.amountMinor ?? payment.amountMinor;
  const over = { amount: wording.money(overMinor, payment.currency) };
  switch (last?.kind) {
    case undefined:
    case 'asked':
      return { title: t('debt.preparing'), text: t('debt.preparingText'), againS: 1 };
    case 'opened': {
      const link = { href: last.payUrl ?? '', label: t('debt.toProvider') };
      if (!back) return { title: t('debt.ready'), text: t('debt.readyText', { amount }), link };
      return { title: t('debt.checking'), text: t('debt.checkingText'), againS: 2, link };
    }
    case 'paid': {
      const free = view?.denied === null && !view.onValidators;
      const text = `${t('debt.paidText', { amount })} ${t(free ? 'debt.free' : 'debt.soon')}`;
      return { title: t('debt.paid'), text, ...(!free && { againS: 2 }) };
    }
    case 'over':
    case 'refund-asked':
      return { title: t('debt.over'), text: t('debt.overText', over), againS: 5 };
    case 'refunded':
      return { title: t('debt.over'), text: t('debt.overDone', over) };
    case 'refund-declined':
      return { title: t('debt.over'), text: t('debt.stuck', over) };
    default:
      return { title: endedTitle(last?.kind ?? '', wording), text: t('debt.endedText'), link: again };
  }
}

function endedTitle(kind: string, { t }: Wording): string {
  const known = ['failed', 'cancelled', 'expired', 'refused'].find((how) => how === kind) ?? 'failed';
  return t(`debt.ended.${known}` as TextKey);
}
