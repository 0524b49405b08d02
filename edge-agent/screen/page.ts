/** The page of the panel, with the present view already in it. Shapes and colours are the style sheet's. */
import { html } from 'ghtml';
import { reasonText } from '#contracts/reason-codes.ts';
import type { ScreenMessage } from './render-view.ts';
import { TITLES } from './texts.ts';

/** The words for a lost agent travel with the page: who is gone cannot send them. */
export function renderPage(message: ScreenMessage): string {
  const { sign, language, title, text, offline, pageTitle, nextLanguage, card } = message;
  const lostTitle = TITLES['out-of-order'][language];
  const lostText = reasonText('VALIDATOR_OUT_OF_ORDER', language);
  return html`<!doctype html>
<html lang="${language}">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${pageTitle}</title>
    <link rel="stylesheet" href="/screen.css">
    <script type="module" src="/screen.js"></script>
  </head>
  <body data-sign="${sign}" data-lost-title="${lostTitle}" data-lost-text="${lostText}">
    <header>
      <button type="button" id="language" class="key plain" lang="${nextLanguage.code}">${nextLanguage.name}</button>
      <ul id="notices" class="notices"></ul>
      <p id="offline" class="offline" ${offline === '' ? 'hidden' : ''}>
        <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M4 4 20 20M8 12a6 6 0 0 1 3-1.7M4 8.5A12 12 0 0 1 8 6M12 6a12 12 0 0 1 8 2.5M15.5 11.5 17 12.6M12 18h.01"/></svg>
        <span id="offline-text">${offline}</span>
      </p>
    </header>
    <main>
      <div class="sign" aria-hidden="true">
        <svg viewBox="0 0 100 100" class="shape waiting"><circle cx="50" cy="50" r="38"/></svg>
        <svg viewBox="0 0 100 100" class="shape accepted"><path d="M16 54 40 78 86 24"/></svg>
        <svg viewBox="0 0 100 100" class="shape refused"><path d="M22 22 78 78M78 22 22 78"/></svg>
        <svg viewBox="0 0 100 100" class="shape out-of-order"><path d="M50 14 92 84H8ZM50 40V60M50 72v1"/></svg>
        <svg viewBox="0 0 100 100" class="shape asking"><path d="M32 36a18 18 0 1 1 27 16c-6 4-9 7-9 14M50 82v1"/></svg>
        <svg viewBox="0 0 100 100" class="shape staff"><path d="M14 24h72v52H14ZM26 62c2-10 20-10 22 0M37 40v4M60 42h16M60 56h16"/></svg>
      </div>
      <div class="words">
        <div role="status" aria-live="assertive" aria-atomic="true">
          <h1 id="title">${title}</h1>
          <p id="text">${text}</p>
          <p id="marks" class="marks" aria-hidden="true" hidden></p>
          <ul id="lines" class="lines"></ul>
          <p id="card" class="card" ${card === '' ? 'hidden' : ''}>${card}</p>
        </div>
        <svg id="qr" class="qr" aria-hidden="true" hidden><path d=""/></svg>
        <div id="keys" class="keys"></div>
        <template id="mark-person"><svg viewBox="0 0 24 24" class="mark" aria-hidden="true"><path d="M12 3a3 3 0 1 1 0 6 3 3 0 0 1 0-6ZM6 21v-5a6 6 0 0 1 12 0v5"/></svg></template>
        <template id="mark-bag"><svg viewBox="0 0 24 24" class="mark" aria-hidden="true"><path d="M4 8h16v12H4ZM9 8V4h6v4M8 12v4M16 12v4"/></svg></template>
      </div>
    </main>
  </body>
</html>
`;
}
