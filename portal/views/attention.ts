/** What needs a person, at the top of the page: a sign with a shape, a sentence, whom it is about, what to do. */
import { html } from 'ghtml';
import type { CityWire, FindingWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';

const SHAPES: Readonly<Record<FindingWire['severity'], string>> = {
  alarm: '<path d="M8 1 15.5 14.5H.5z"/>',
  warning: '<path d="M8 .8 15.2 8 8 15.2.8 8z"/>',
};

/** The findings, or one calm sentence. */
export function attentionList(city: CityWire, wording: Wording): string {
  const { t } = wording;
  if (city.attention.length === 0)
    return html`<p class="verdict verdict-ok"><span aria-hidden="true">✓</span> ${t('attention.none')}</p>`;
  return html`<ul class="findings">!${city.attention.map((finding) => item(finding, wording))}</ul>`;
}

function item(finding: FindingWire, wording: Wording): string {
  const { t } = wording;
  const { code, severity, count, subjects, sinceMs } = finding;
  const n = wording.number(count);
  const time = sinceMs === null ? '–' : wording.time(sinceMs);
  const more = count - subjects.length;
  const others = subjects.length > 0 && more > 0 ? html` <li>${t('attention.more', { n: more })}</li>` : '';
  const names =
    subjects.length === 0
      ? ''
      : html`<ul class="subjects">!${subjects.map((subject) => html`<li>${subject}</li>`)}!${others}</ul>`;
  return html`<li class="finding finding-${severity}"><svg class="sign" viewBox="0 0 16 16" aria-hidden="true">!${SHAPES[severity]}</svg><div><p class="finding-what"><span class="finding-severity">${t(`attention.${severity}`)}</span> ${t(`attention.${code}`, { n, time })}</p>!${names}<p class="hint">${t(`attention.${code}.do`)}</p></div></li>`;
}
