/** The row of key figures, and the reconciliation. */
import { html } from 'ghtml';
import type { CityWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';

/** Six figures that say how the city is doing. */
export function keyFigures(city: CityWire, wording: Wording): string {
  const { t } = wording;
  const { currency } = city.city;
  const sums = riderAndBudget(city);
  const online = city.devices.filter((device) => device.state === 'online').length;
  const moving = city.vehicles.filter((vehicle) => vehicle.state !== 'offline').length;
  const last = city.pace.slices.at(-1);
  const previous = city.pace.slices.at(-2) ?? last;
  const waiting = (city.counts?.inbox ?? 0) + (city.counts?.queue ?? 0);
  const share = sums.gross === 0n ? 0 : Number((sums.budget * 1000n) / sums.gross) / 1000;
  return [
    figure(
      t('kpi.taps'),
      wording.number(sums.rides),
      t('kpi.perMinute', { count: wording.number(previous?.tapsPerMinute ?? 0) }),
    ),
    figure(
      t('kpi.riders'),
      wording.moneyShort(sums.rider, currency),
      t('kpi.share', {
        percent: wording.percent(sums.gross === 0n ? 0 : Number((sums.rider * 1000n) / sums.gross) / 1000),
      }),
      'rider',
    ),
    figure(
      t('kpi.budget'),
      wording.moneyShort(sums.budget, currency),
      t('kpi.share', { percent: wording.percent(share) }),
      'budget',
    ),
    figure(
      t('kpi.vehicles'),
      wording.number(moving),
      t('kpi.of', { total: wording.number(city.vehicles.length) }),
    ),
    figure(
      t('kpi.devices'),
      wording.number(online),
      t('kpi.of', { total: wording.number(city.devices.filter((device) => device.state !== 'off').length) }),
    ),
    figure(
      t('kpi.latency'),
      last ? wording.duration(last.latencyMsMedian / city.speed) : '–',
      t('kpi.waiting', { count: wording.number(waiting) }),
    ),
  ].join('');
}

function figure(label: string, value: string, note: string, sort = 'plain'): string {
  return html`<div class="figure figure-${sort}"><dt>${label}</dt><dd><span class="figure-value">${value}</span> <span class="figure-note">${note}</span></dd></div>`;
}

function riderAndBudget(city: CityWire): { rides: number; rider: bigint; budget: bigint; gross: bigint } {
  // Every dimension splits the same rides, so one of them gives the sums; sums of other currencies stay apart.
  const all = city.totals.filter((row) => row.dimension === 'medium');
  const rows = all.filter((row) => row.currency === city.city.currency);
  const sum = (pick: (row: (typeof rows)[number]) => string) =>
    rows.reduce((total, row) => total + BigInt(pick(row)), 0n);
  return {
    // A repeated touch is a tap and no ride: what the tables below add up is what stands on top.
    rides: all.reduce((total, row) => total + row.rides, 0),
    rider: sum((r) => r.riderMinor),
    budget: sum((r) => r.budgetMinor),
    gross: sum((r) => r.grossMinor),
  };
}

/** Counts of both services side by side, and whether they agree. */
export function reconciliation(city: CityWire, wording: Wording): string {
  const { t } = wording;
  const { counts } = city;
  if (counts === null) return html`<p class="empty">${t('counts.none')}</p>`;
  const row = (label: string, value: number) =>
    html`<div><dt>${label}</dt><dd>${wording.number(value)}</dd></div>`;
  const verdict = counts.reconciled
    ? t('counts.ok')
    : t('counts.bad', { decided: wording.number(counts.decidedTaps), taps: wording.number(counts.taps) });
  return html`<p class="verdict verdict-${counts.reconciled ? 'ok' : 'bad'}"><span aria-hidden="true">${counts.reconciled ? '✓' : '≠'}</span> ${verdict}</p>
<dl class="pairs">
!${row(t('counts.records'), counts.records)}
!${row(t('counts.taps'), counts.taps)}
!${row(t('counts.decided'), counts.decidedTaps)}
!${row(t('counts.inbox'), counts.inbox)}
!${row(t('counts.queue'), counts.queue)}
!${row(t('counts.quarantined'), counts.quarantined)}
!${row(t('counts.refused'), counts.commandsRefused)}
</dl>`;
}
