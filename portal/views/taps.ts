/** The live list of taps. A row is one link to its explanation. */
import { html } from 'ghtml';
import type { TapWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';
import { resultSign } from './signs.ts';

/** Rows, newest first. */
export function tapRows(taps: readonly TapWire[], wording: Wording): string {
  return taps.map((tap) => tapRow(tap, wording)).join('');
}

/** Shown while nobody has tapped yet. */
export function noTaps({ t }: Wording): string {
  return html`<li class="empty" id="no-taps">${t('taps.empty')}</li>`;
}

/** Address of a tap's explanation. */
export function tapPath(tapId: string): string {
  return `/taps/${encodeURIComponent(tapId)}`;
}

function tapRow(tap: TapWire, wording: Wording): string {
  const { t } = wording;
  const budget = BigInt(tap.budgetMinor) > 0n;
  return html`<li class="tap" id="tap-${tap.tapId}" data-tap="${tap.tapId}/${tap.revision}">
<a class="tap-link" href="${tapPath(tap.tapId)}" data-explain>
  <span class="tap-sign">!${resultSign(tap.result)}</span>
  <span class="tap-what">
    <span class="tap-line"><span class="${wording.routeClass(tap.routeId)}"><span class="sr">${t('vehicles.route')} </span>${wording.route(tap.routeId)}</span> <span class="tap-stop">${tap.stopId === null ? wording.carrier(tap.carrierId) : wording.stop(tap.stopId)}</span></span>
    <span class="tap-who">${[wording.medium(tap.mediumKind), ...(tap.riderCategoryId === null ? [] : [wording.category(tap.riderCategoryId)])].join(' · ')}</span>
  </span>
  <span class="tap-sum">
    <span class="tap-result">${t(`result.${tap.result}`)}</span>
    <span class="tap-money">${wording.money(tap.riderMinor, tap.currency)}!${budget ? html` <span class="tap-budget">+ ${wording.money(tap.budgetMinor, tap.currency)}<span class="sr"> ${t('taps.budget')}</span></span>` : ''}</span>
  </span>
  <time class="tap-time">${wording.time(tap.fareAtMs)}</time>
  !${tap.flags.length > 0 ? html`<span class="tap-flag" title="${t('taps.flagged')}">⚑<span class="sr"> ${t('taps.flagged')}</span></span>` : ''}
</a></li>`;
}
