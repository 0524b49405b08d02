/** The inspector's page, made for a phone held in one hand; the present message is already in it. */
import { html } from 'ghtml';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import type { InspectorMessage, InspectorWords, Line } from './render.ts';
import { LABELS, TITLES } from './texts.ts';

const NAMES = { uk: 'Українська', en: 'English', de: 'Deutsch', pl: 'Polski' } as const;

/** Words of the controls travel with the page, as do those for a device that has gone. */
const CONTROLS = JSON.stringify(
  Object.fromEntries(
    LANGUAGES.map((language) => [
      language,
      {
        pageTitle: LABELS.pageTitle[language],
        vehicle: LABELS.vehicle[language],
        take: LABELS.take[language],
        noCard: LABELS.noCard[language],
        close: LABELS.close[language],
        language: LABELS.language[language],
        protocol: LABELS.protocol[language],
        checkNo: LABELS.checkNo[language],
        refusedVehicle: LABELS.refusedVehicle[language],
        refusedCommand: LABELS.refusedCommand[language],
        lost: TITLES['not-written'][language],
      },
    ]),
  ),
);

/** Ukrainian first; the page changes to the language that was chosen last on this device. */
export function renderInspectorPage(message: InspectorMessage): string {
  const words = message.words.uk;
  const { sign, vehicleId, open, checkNo } = message;
  return html`<!doctype html>
<html lang="uk">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${LABELS.pageTitle.uk}</title>
    <link rel="stylesheet" href="/inspect.css">
    <script type="module" src="/inspect.js"></script>
  </head>
  <body data-sign="${sign}" data-controls="${CONTROLS}">
    <header>
      <div class="languages" role="group" id="languages" aria-label="${LABELS.language.uk}">
        !${LANGUAGES.map((code, n) => html`<button type="button" data-language="${code}" lang="${code}" aria-label="${NAMES[code]}" aria-keyshortcuts="${String(n + 1)}" aria-pressed="${String(code === 'uk')}">${code.toUpperCase()}</button>`)}
      </div>
      <p id="offline" class="offline" ${words.offline === '' ? 'hidden' : ''}>${words.offline}</p>
    </header>
    <main>
      <div class="sign" aria-hidden="true">!${SHAPES}</div>
      <div role="status" aria-live="assertive" aria-atomic="true">
        <h1 id="title">${words.title}</h1>
        <p id="text">${words.text}</p>
        <dl id="lines">!${listOf(words.lines)}</dl>
        <p id="check" class="check" ${checkNo === 0 ? 'hidden' : ''}>${LABELS.checkNo.uk} ${checkNo}</p>
      </div>
      <section id="protocol" aria-labelledby="protocol-title" ${words.protocol.length === 0 ? 'hidden' : ''}>
        <h2 id="protocol-title">${LABELS.protocol.uk}</h2>
        <dl id="protocol-lines">!${listOf(words.protocol)}</dl>
      </section>
    </main>
    <footer>
      <p id="refused" class="not-done" role="alert"></p>
      <form id="vehicle-form" ${sign === 'closed' ? 'hidden' : ''}>
        <label for="vehicle" id="vehicle-label">${LABELS.vehicle.uk}</label>
        <input id="vehicle" name="vehicle" value="${vehicleId}" maxlength="128" autocomplete="off" enterkeyhint="go" required>
        <button type="submit" id="take">${LABELS.take.uk}</button>
      </form>
      <div class="acts">
        <button type="button" id="no-card" aria-keyshortcuts="n" ${open ? '' : 'hidden'}>${LABELS.noCard.uk}</button>
        <button type="button" id="close" ${sign === 'closed' ? 'hidden' : ''}>${LABELS.close.uk}</button>
      </div>
    </footer>
  </body>
</html>
`;
}

function listOf(lines: InspectorWords['lines']): readonly string[] {
  return lines.map(([label, value]: Line) => html`<div><dt>${label}</dt><dd>${value}</dd></div>`);
}

/** A shape for each sign: none is needed to be told by its colour. */
const SHAPES = html`
<svg viewBox="0 0 100 100" class="shape closed"><path d="M28 46h44v36H28ZM36 46V32a14 14 0 0 1 28 0v14"/></svg>
<svg viewBox="0 0 100 100" class="shape choose-vehicle"><path d="M20 20h60v52H20ZM20 46h60M32 72v10M68 72v10M34 60h.5M66 60h.5"/></svg>
<svg viewBox="0 0 100 100" class="shape ready"><circle cx="50" cy="50" r="38"/></svg>
<svg viewBox="0 0 100 100" class="shape ride-stands"><path d="M16 54 40 78 86 24"/></svg>
<svg viewBox="0 0 100 100" class="shape no-ride"><path d="M22 22 78 78M78 22 22 78"/></svg>
<svg viewBox="0 0 100 100" class="shape refused"><circle cx="50" cy="50" r="38"/><path d="M26 50h48"/></svg>
<svg viewBox="0 0 100 100" class="shape validator-out-of-order unclear"><path d="M50 14 92 84H8ZM50 40V60M50 72v1"/></svg>
<svg viewBox="0 0 100 100" class="shape not-readable"><path d="M82 50a32 32 0 1 1-10-23M74 8v20H54"/></svg>
<svg viewBox="0 0 100 100" class="shape not-written"><path d="M30 8h40l22 22v40L70 92H30L8 70V30ZM50 28v28M50 70v1"/></svg>`;
