/** Pages for what did not work: what happened, what was kept, what to do. */
import { html } from 'ghtml';
import type { Wording } from '../wording.ts';
import { page } from './page.ts';

/** A whole page around a title and a sentence. */
export function problemPage(title: string, text: string, wording: Wording, path = '/'): string {
  return page(wording, { title, path, body: problemBody(title, text, wording, 'h1') });
}

/** The same without a page, for the sheet over the city. */
export function problemBody(
  title: string,
  text: string,
  wording: Wording,
  level: 'h1' | 'h2' = 'h2',
): string {
  const id = level === 'h2' ? ' id="sheet-title"' : '';
  const heading = `<${level} class="answer" tabindex="-1"${id}>${html`${title}`}</${level}>`;
  return html`<div class="card problem">!${heading}<p>${text}</p>!${level === 'h1' ? html`<p><a class="button" href="/">${wording.t('explain.back')}</a></p>` : ''}</div>`;
}
