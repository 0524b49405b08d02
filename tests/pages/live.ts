/** When a page is live: what happens before its event stream has spoken stands in the whole picture, not in news. */
import type { Page } from 'playwright-core';

/** For addInitScript: notes in the page that its event stream has spoken. */
export function noteLive(): void {
  document.addEventListener('htmx:sse:after:message', () => {
    document.documentElement.dataset['heard'] = 'yes';
  });
}

/** Waits until it has, where the page has a stream. */
export async function untilLive(page: Page): Promise<void> {
  if ((await page.locator('#stream').count()) > 0) await page.waitForSelector('html[data-heard]');
}
