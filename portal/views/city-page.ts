/** The page that shows the living city. Each part is a fragment of its own, so that it can be renewed alone. */
import { html } from 'ghtml';
import type { PartName } from '../live-city.ts';
import type { CityWire } from '../schemas.ts';
import { VEHICLE_STATES } from '../schemas.ts';
import type { Wording } from '../wording.ts';
import { attentionList } from './attention.ts';
import { deviceTable, deviceVerdict, quarantineList, vehicleTable } from './devices.ts';
import { keyFigures, reconciliation } from './figures.ts';
import { budgetTable, ledgerTable, moneyCards } from './money.ts';
import { page } from './page.ts';
import { stateSign } from './signs.ts';
import { noTaps, tapRows } from './taps.ts';

/** Fragment id → what it shows. */
const FRAGMENTS = {
  trouble: (city, wording) => trouble(city, wording),
  attention: (city, wording) => attentionList(city, wording),
  figures: (city, wording) => keyFigures(city, wording),
  taps: (city, wording) => (city.taps.length === 0 ? noTaps(wording) : tapRows(city.taps, wording)),
  vehicles: (city, wording) => vehicleTable(city.vehicles, wording),
  money: (city, wording) => moneyCards(city.totals, wording),
  budget: (city, wording) => budgetTable(city.budgetOwed, wording),
  ledger: (city, wording) => ledgerTable(city.ledger, wording),
  pulse: (city, wording) => pulseText(city, wording),
  'device-verdict': (city, wording) => deviceVerdict(city, wording),
  devices: (city, wording) => deviceTable(city, wording),
  quarantine: (city, wording) => quarantineList(city.quarantine, wording),
  counts: (city, wording) => reconciliation(city, wording),
} satisfies Record<string, (city: CityWire, wording: Wording) => string>;

export type FragmentId = keyof typeof FRAGMENTS;
export const FRAGMENT_IDS = Object.keys(FRAGMENTS) as FragmentId[];

/** Which fragments show which part of the snapshot. Taps are prepended row by row and so not in this table. */
export const FRAGMENTS_OF: Readonly<Record<PartName, readonly FragmentId[]>> = {
  taps: [],
  devices: ['vehicles', 'devices', 'device-verdict', 'figures', 'attention'],
  totals: ['money', 'figures'],
  budget: ['budget'],
  ledger: ['ledger'],
  counts: ['counts', 'figures', 'attention'],
  quarantine: ['quarantine', 'attention'],
  alarms: ['attention'],
  pace: ['pulse', 'figures'],
};

/** One fragment's inner HTML. */
export function fragment(id: FragmentId, city: CityWire, wording: Wording): string {
  return FRAGMENTS[id](city, wording);
}

/** The whole page. */
export function cityPage(city: CityWire, wording: Wording): string {
  const { t } = wording;
  const inner = (id: FragmentId) => fragment(id, city, wording);
  const body = html`
<h1 class="sr">${t('app.title', { city: wording.city() })}</h1>
<div id="trouble" class="trouble" role="status">!${inner('trouble')}</div>
<dl class="figures" id="figures">!${inner('figures')}</dl>
<section class="card attention-card" aria-labelledby="attention-title">
  <header class="card-head"><h2 id="attention-title">${t('attention.title')}</h2></header>
  <div id="attention" aria-live="polite">!${inner('attention')}</div>
</section>
<div class="stage">
  <section class="card map-card" aria-labelledby="map-title">
    <header class="card-head"><h2 id="map-title">${t('map.title')}</h2><p class="hint">${t('map.hint')}</p></header>
    <div class="map" id="map" role="application" aria-label="${t('map.label')}" data-stop="${t('map.stop')}" data-next="${t('vehicles.next')}" data-all="${t('map.all')}" data-failed="${t('map.failed')}" data-states="${JSON.stringify(Object.fromEntries(VEHICLE_STATES.map((state) => [state, t(`state.${state}`)])))}"></div>
    <ul class="legend">!${VEHICLE_STATES.map((state) => html`<li>!${stateSign(state)} ${t(`state.${state}`)}</li>`)}</ul>
  </section>
  <section class="card taps-card" aria-labelledby="taps-title">
    <header class="card-head"><h2 id="taps-title">${t('taps.title')}</h2><p class="hint">${t('taps.hint')}</p></header>
    <div class="scroll" role="region" aria-labelledby="taps-title" tabindex="0"><ol class="taps" id="taps" data-rows="30">!${inner('taps')}</ol></div>
    <ol id="fresh-taps" hidden></ol>
    <button type="button" class="taps-new" id="taps-new" data-label="${t('taps.new', { n: '#' })}" hidden></button>
  </section>
</div>
<section aria-labelledby="money-title">
  <h2 id="money-title" class="section-title">${t('money.title')}</h2>
  <div class="thirds" id="money">!${inner('money')}</div>
</section>
<div class="halves">
  <section class="card" aria-labelledby="budget-title">
    <header class="card-head"><h2 id="budget-title">${t('budget.title')}</h2><p class="hint">${t('budget.hint')}</p></header>
    <div class="scroll" role="region" aria-labelledby="budget-title" tabindex="0" id="budget">!${inner('budget')}</div>
  </section>
  <section class="card" aria-labelledby="plots-title">
    <header class="card-head"><h2 id="plots-title">${t('plots.title')}</h2></header>
    <div id="pulse" class="pulse">!${inner('pulse')}</div>
    !${plots(wording)}
  </section>
</div>
<div class="halves">
  <section class="card" aria-labelledby="vehicles-title">
    <header class="card-head"><h2 id="vehicles-title">${t('vehicles.title')}</h2></header>
    <div class="scroll" role="region" aria-labelledby="vehicles-title" tabindex="0" id="vehicles">!${inner('vehicles')}</div>
  </section>
  <div class="stack">
    <section class="card" aria-labelledby="counts-title">
      <header class="card-head"><h2 id="counts-title">${t('counts.title')}</h2></header>
      <div id="counts">!${inner('counts')}</div>
    </section>
    <section class="card" aria-labelledby="ledger-title">
      <header class="card-head"><h2 id="ledger-title">${t('ledger.title')}</h2><p class="hint">${t('ledger.hint')}</p></header>
      <div class="scroll" role="region" aria-labelledby="ledger-title" tabindex="0" id="ledger">!${inner('ledger')}</div>
    </section>
    <section class="card" aria-labelledby="quarantine-title">
      <header class="card-head"><h2 id="quarantine-title">${t('quarantine.title')}</h2><p class="hint">${t('quarantine.hint')}</p></header>
      <div id="quarantine">!${inner('quarantine')}</div>
    </section>
  </div>
</div>
<section class="card" aria-labelledby="devices-title">
  <header class="card-head"><h2 id="devices-title">${t('devices.title')}</h2><p class="hint">${t('devices.hint')}</p></header>
  <div id="device-verdict">!${inner('device-verdict')}</div>
  <div class="scroll" role="region" aria-labelledby="devices-title" tabindex="0" id="devices">!${inner('devices')}</div>
</section>
<dialog class="sheet" id="sheet" aria-labelledby="sheet-title" data-loading="${t('explain.loading')}" data-failed="${t('explain.failed')}" data-close="${t('explain.close')}" data-title="${t('explain.title')}"></dialog>
<div hidden id="stream" hx-sse:connect="/events?lang=${wording.language}" hx-swap="none" hx-trigger="load, kvytok:connect"></div>
<script type="application/json" id="snapshot">!${inlineJson({ vehicles: city.vehicles, pace: city.pace })}</script>`;
  return page(wording, {
    title: t('app.title', { city: wording.city() }),
    path: '/',
    body,
    clock: { nowMs: city.nowMs, speed: city.speed },
    islands: ['city'],
    live: true,
  });
}

function plots({ t }: Wording): string {
  return html`<figure class="plot"><figcaption>${t('plots.taps')}</figcaption><div class="plot-canvas" id="plot-taps" aria-hidden="true" data-label="${t('plots.taps')}"></div></figure>
<figure class="plot"><figcaption>${t('plots.latency')}</figcaption><div class="plot-canvas" id="plot-latency" aria-hidden="true" data-median="${t('plots.median')}" data-p95="${t('plots.p95')}" data-queue="${t('plots.queue')}"></div>
<ul class="keys">!${(['p95', 'median', 'queue'] as const).map((key) => html`<li class="key key-${key}"><svg viewBox="0 0 26 4" aria-hidden="true"><line x1="0" y1="2" x2="26" y2="2"/></svg>${t(`plots.${key}`)}</li>`)}</ul></figure>`;
}

/** What the plots say, in words. */
function pulseText(city: CityWire, wording: Wording): string {
  const { t } = wording;
  const { slices } = city.pace;
  // The newest slice is still filling; the one before it is whole.
  const whole = slices.at(-2) ?? slices.at(-1);
  if (!whole) return html`<p class="empty">${t('plots.empty')}</p>`;
  const max = slices.reduce((most, slice) => Math.max(most, slice.tapsPerMinute), 0);
  const waiting = (city.counts?.inbox ?? 0) + (city.counts?.queue ?? 0);
  return html`<p>${t('plots.summary.taps', { last: wording.number(whole.tapsPerMinute), max: wording.number(max) })} ${t('plots.summary.latency', { p95: wording.duration(whole.latencyMsP95 / city.speed), queue: wording.number(waiting) })}</p>`;
}

function trouble(city: CityWire, wording: Wording): string {
  if (city.staleSinceMs === null) return '';
  return html`<p>${wording.t('live.stale', { time: wording.time(city.staleSinceMs) })}</p>`;
}

/** JSON inside a script element: `<` must not begin a tag there (HTML Standard, script data). */
function inlineJson(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c');
}
