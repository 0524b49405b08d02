/** Why a ride cost what it cost: the sentence first, then the waterfall, then everything it rests on. */
import { html } from 'ghtml';
import { routeByText } from '#contracts/route-by.ts';
import type { ExplanationWire, RevisionWire, StepWire, TapWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';
import { page } from './page.ts';
import { resultSign } from './signs.ts';
import { tapPath } from './taps.ts';

/** The explanation as a page of its own. */
export function explanationPage(explanation: ExplanationWire, wording: Wording): string {
  return page(wording, {
    title: `${wording.t('explain.title')} – ${explanation.sentence}`,
    path: tapPath(explanation.tap.tapId),
    body: html`<p class="crumbs"><a href="/">← ${wording.t('explain.back')}</a></p>
<div class="card sheet-page">!${explanationBody(explanation, wording, 'h1')}</div>`,
  });
}

/** The explanation without a page around it, for the sheet over the city. */
export function explanationBody(
  explanation: ExplanationWire,
  wording: Wording,
  level: 'h1' | 'h2' = 'h2',
): string {
  const { tap } = explanation;
  const latest = explanation.revisions[0];
  const { t } = wording;
  return html`<article class="explain">
<p class="eyebrow">${t('explain.title')}</p>
!${heading(level, html`!${resultSign(tap.result)} ${explanation.sentence}`)}
!${amounts(tap, wording)}
<section><h3>${t('explain.waterfall')}</h3>!${waterfall(latest, tap, wording)}</section>
<section><h3>${t('explain.facts')}</h3>!${facts(tap, latest, wording)}</section>
<section><h3>${t('explain.flags')}</h3>!${flags(explanation, wording)}</section>
<section><h3>${t('explain.postings')}</h3>!${postings(latest, wording)}</section>
!${explanation.revisions.length > 1 ? html`<section><h3>${t('explain.revisions')}</h3>!${revisions(explanation, wording)}</section>` : ''}
</article>`;
}

function heading(level: 'h1' | 'h2', inner: string): string {
  const id = level === 'h2' ? ' id="sheet-title"' : '';
  return `<${level} class="answer" tabindex="-1"${id}>${inner}</${level}>`;
}

function amounts(tap: TapWire, wording: Wording): string {
  const { t } = wording;
  const amount = (label: string, minor: string, sort: string) =>
    html`<div class="amount amount-${sort}"><dt>${label}</dt><dd>${wording.money(minor, tap.currency)}</dd></div>`;
  return html`<dl class="amounts">
!${amount(t('explain.full'), tap.grossMinor, 'gross')}
!${BigInt(tap.reliefMinor) > 0n ? amount(t('explain.relief'), tap.reliefMinor, 'relief') : ''}
!${amount(t('explain.budgetPays'), tap.budgetMinor, 'budget')}
!${amount(t('explain.riderPays'), tap.riderMinor, 'rider')}
</dl>`;
}

function waterfall(revision: RevisionWire | undefined, tap: TapWire, wording: Wording): string {
  const { t } = wording;
  const steps = revision?.steps ?? [];
  if (steps.length === 0) return html`<p class="empty">${t('step.unpriced')}</p>`;
  const all = steps.flatMap((step) => [BigInt(step.beforeMinor), BigInt(step.afterMinor)]);
  const largest = all.reduce((max, amount) => (amount > max ? amount : max), 1n);
  return html`<div class="scroll-x" role="region" aria-label="${t('explain.waterfall')}" tabindex="0"><table class="waterfall">
<thead><tr><th scope="col">${t('explain.step')}</th><th scope="col" class="n">${t('explain.before')}</th><th scope="col" class="fall-head"><span class="sr">${t('explain.waterfall')}</span></th><th scope="col" class="n">${t('explain.after')}</th></tr></thead>
<tbody>!${steps.map((step) => stepRow(step, tap.currency, largest, wording))}</tbody></table></div>`;
}

function stepRow(step: StepWire, currency: string, largest: bigint, wording: Wording): string {
  const law = [step.act, step.article].filter((part) => part !== null && part !== '').join(', ');
  return html`<tr><th scope="row"><span class="step-text">${step.text}</span>!${law === '' ? '' : html`<span class="step-law">${law}</span>`}<span class="step-rule">${wording.t('explain.rule', { rule: step.ruleId })}</span></th>
<td class="n">${wording.money(step.beforeMinor, currency)}</td><td class="fall">!${fallBar(step, largest)}</td><td class="n strong">${wording.money(step.afterMinor, currency)}</td></tr>`;
}

/** A bar from before to after on one common scale: what a step added, or took off. */
function fallBar(step: StepWire, largest: bigint): string {
  const x = (minor: string) => Number((BigInt(minor) * 1000n) / largest) / 10;
  const [before, after] = [x(step.beforeMinor), x(step.afterMinor)];
  const low = Math.min(before, after);
  const width = Math.abs(after - before);
  const sort = after > before ? 'up' : 'down';
  return html`<svg class="fall-bar" viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true"><rect class="fall-track" width="100" height="14"/><rect class="fall-kept" width="${low}" height="14"/><rect class="fall-${sort}" x="${low}" width="${width}" height="14"/></svg>`;
}

function facts(tap: TapWire, revision: RevisionWire | undefined, wording: Wording): string {
  const { t } = wording;
  const unknown = t('explain.unknown');
  const rows: [string, string | null][] = [
    [t('explain.when'), wording.dateTime(tap.fareAtMs)],
    [t('explain.route'), tap.routeId === null ? null : wording.routeTitle(tap.routeId)],
    [t('explain.routeBy'), routeBy(tap, wording)],
    ...(tap.tripId === null ? [] : [[t('explain.trip'), tap.tripId] as [string, string]]),
    [t('explain.stop'), tap.stopId === null ? null : wording.stop(tap.stopId)],
    [t('explain.carrier'), tap.carrierId === null ? null : wording.carrier(tap.carrierId)],
    [t('explain.vehicle'), tap.vehicleId],
    [t('explain.device'), tap.deviceId],
    [t('explain.medium'), wording.medium(tap.mediumKind)],
    [t('explain.category'), tap.riderCategoryId === null ? null : wording.category(tap.riderCategoryId)],
    ...(tap.concessionId === null
      ? []
      : [
          [t('explain.concession'), wording.concession(tap.concessionId)] as [string, string],
          [t('explain.funding'), wording.funding(tap.fundingId)] as [string, string],
        ]),
    [t('explain.tariff'), revision?.packageName ?? null],
    [t('explain.fareDay'), revision?.fareDay ?? null],
    [t('explain.received'), received(tap, wording)],
    [t('explain.decided'), wording.dateTime(tap.decidedAtMs)],
  ];
  return html`<dl class="pairs">!${rows.map(([label, value]) => html`<div><dt>${label}</dt><dd>${value ?? unknown}</dd></div>`)}<div class="wide"><dt>${t('explain.tapId')}</dt><dd><code>${tap.tapId}</code></dd></div></dl>`;
}

/** The sort of fact by which the route stands, with the fact's id for whoever looks it up. */
function routeBy({ routeBy: by, routeFactId }: TapWire, wording: Wording): string | null {
  const said = routeByText(by, wording.language);
  return said === null || routeFactId === null ? said : `${said} (${routeFactId})`;
}

/**
 * A validator's clock that is in step may still be this much ahead of the city's: a receipt "before" the tap by less
 * says nothing and is shown as the tap's own second.
 */
const CLOCK_STEP_MS = 2000;

function received(tap: TapWire, wording: Wording): string {
  const aheadMs = tap.fareAtMs - tap.receivedAtMs;
  if (aheadMs <= CLOCK_STEP_MS) return wording.dateTime(Math.max(tap.receivedAtMs, tap.fareAtMs));
  const note = wording.t('explain.clockDiffers', { duration: wording.duration(aheadMs) });
  return `${wording.dateTime(tap.receivedAtMs)} (${note})`;
}

function flags({ flags: list }: ExplanationWire, { t }: Wording): string {
  if (list.length === 0) return html`<p class="hint">${t('explain.noFlags')}</p>`;
  return html`<ul class="reasons">!${list.map((flag) => html`<li><span class="reason-count" aria-hidden="true">⚑</span><span class="reason-text">${flag.text}<span class="reason-code">${flag.code}</span></span></li>`)}</ul>`;
}

function postings(revision: RevisionWire | undefined, wording: Wording): string {
  const { t } = wording;
  if (!revision || revision.postings.length === 0)
    return html`<p class="hint">${t('explain.noPostings')}</p>`;
  return html`<div class="scroll-x" role="region" aria-label="${t('explain.postings')}" tabindex="0"><table><thead><tr><th scope="col">${t('explain.from')}</th><th scope="col">${t('explain.to')}</th><th scope="col" class="n">${t('explain.amount')}</th></tr></thead>
<tbody>!${revision.postings.map((posting) => html`<tr><td>${posting.debit}</td><td>${posting.credit}</td><td class="n">${wording.money(posting.amountMinor, posting.currency)}</td></tr>`)}</tbody></table></div>`;
}

function revisions({ revisions: list }: ExplanationWire, wording: Wording): string {
  const { t } = wording;
  return html`<ol class="revisions" reversed>!${list.map((revision, i) => html`<li><strong>${t('explain.revision', { revision: revision.revision })}</strong> <span class="chip">${i === 0 ? t('explain.current') : t('explain.replaced')}</span> <span class="hint">${wording.dateTime(revision.decidedAtMs)}!${revision.packageName === null ? '' : html` · ${revision.packageName}`}</span></li>`)}</ol>`;
}
