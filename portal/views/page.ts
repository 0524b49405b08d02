/** The frame of every page: head, header with city time and language switch, footer. */
import { html } from 'ghtml';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { LANGUAGE_NAMES, type Wording } from '../wording.ts';
import { BRAND } from './signs.ts';

export interface PageOptions {
  readonly title: string;
  /** Path of this page, for the language switch. */
  readonly path: string;
  readonly body: string;
  /** City time and speed for the clock in the header; none on error pages. */
  readonly clock?: { readonly nowMs: number; readonly speed: number };
  /** Islands of this page, as file names without ending. */
  readonly islands?: readonly string[];
  readonly live?: boolean;
  /** The page is loaded anew by itself: for who has no scripts, while something is awaited. */
  readonly refresh?: { readonly afterS: number; readonly url: string };
}

/** Bare module names → our own addresses. Inline by necessity; its hash stands in the CSP (security.ts). */
export const IMPORT_MAP = JSON.stringify({
  imports: { 'maplibre-gl': '/vendor/maplibre-gl/maplibre-gl.mjs' },
});

/**
 * htmx: it swaps what the stream sends, nothing else. The browser's history is ours (islands/sheet.ts): htmx would
 * fetch the whole page again on "back" and throw the map away.
 */
const HTMX_CONFIG = JSON.stringify({ extensions: 'sse', includeIndicatorCSS: false, history: false });

/**
 * At the end of the body and neither deferred nor modules: htmx looks at the page once, when all of it is read, and only what is
 * registered then is used. A stream's script that came later than htmx would never be.
 */
const LIVE_SCRIPTS = `<script src="/vendor/htmx/htmx.min.js"></script>
<script src="/vendor/htmx/ext/hx-sse.min.js"></script>`;

/** A whole HTML document. */
export function page(wording: Wording, options: PageOptions): string {
  const { t } = wording;
  return html`<!doctype html>
<html lang="${wording.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#f4f6f4" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#0f1514" media="(prefers-color-scheme: dark)">
!${options.refresh ? html`<meta http-equiv="refresh" content="${options.refresh.afterS}; url=${options.refresh.url}">` : ''}
<title>${options.title}</title>
<link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/assets/portal.css">
<link rel="stylesheet" href="/city/routes.css">
!${options.live ? liveHead() : ''}
!${(options.islands ?? []).map((name) => html`<script type="module" src="/islands/${name}.ts"></script>`)}
</head>
<body>
<a class="skip" href="#main">${t('app.skip')}</a>
<header class="top">
  <a class="brand" href="/">!${BRAND}<span>Kvytok</span></a>
  <div class="top-city">
    <p class="top-name">${wording.city()}</p>
    <p class="top-tagline">${t('app.tagline')}</p>
  </div>
  !${options.clock ? clock(wording, options.clock) : ''}
  !${options.live ? liveSign(wording) : ''}
  !${languageSwitch(wording, options.path)}
</header>
<main id="main" tabindex="-1">
!${options.body}
</main>
<footer class="foot">
  <p>${t('app.footer')}</p>
  <p><a href="/api/v1/openapi.json">${t('app.api')}</a></p>
</footer>
!${options.live ? LIVE_SCRIPTS : ''}
</body>
</html>
`;
}

function liveHead(): string {
  return html`<meta name="htmx-config" content="${HTMX_CONFIG}">
<script type="importmap">!${IMPORT_MAP}</script>
<link rel="stylesheet" href="/vendor/maplibre-gl/maplibre-gl.css">
<link rel="stylesheet" href="/vendor/uplot/uPlot.min.css">
<script defer src="/vendor/uplot/uPlot.iife.min.js"></script>`;
}

function clock(wording: Wording, { nowMs, speed }: { nowMs: number; speed: number }): string {
  const { t } = wording;
  const chip =
    speed === 1
      ? ''
      : html`<span class="speed" title="${t('clock.speedTitle', { speed: wording.number(speed) })}">${t('clock.speed', { speed: wording.number(speed) })}</span>`;
  return html`<p class="clock">
    <span class="sr">${t('clock.label')}: </span>
    <time id="city-time" data-now="${nowMs}" data-speed="${speed}" data-zone="${wording.names.city.zone}">${wording.time(nowMs)}</time>
    !${chip}
    <span class="clock-date" id="city-date">${wording.date(nowMs)}</span>
  </p>`;
}

function liveSign({ t }: Wording): string {
  return html`<p class="live" id="live" role="status" data-on="${t('live.on')}" data-off="${t('live.off')}"><span class="live-dot" aria-hidden="true"></span><span id="live-text">${t('live.on')}</span></p>`;
}

function languageSwitch(wording: Wording, path: string): string {
  return html`<nav class="languages" aria-label="${wording.t('app.language')}">
    !${LANGUAGES.map((language) =>
      language === wording.language
        ? html`<a href="${path}?lang=${language}" lang="${language}" aria-current="true" title="${LANGUAGE_NAMES[language]}">${language}</a>`
        : html`<a href="${path}?lang=${language}" lang="${language}" hreflang="${language}" title="${LANGUAGE_NAMES[language]}">${language}</a>`,
    )}
  </nav>`;
}
