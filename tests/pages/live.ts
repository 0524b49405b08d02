/** When a page is live: what happens before its event stream has spoken stands in the whole picture, not in news. */
import type { Page } from 'playwright-core';

/** How long a page may take to show something while other tests use the machine. */
export const BUSY_MACHINE_MS = 60_000;

/** Before a page is opened: it gets its time, and notes that its event stream has spoken. */
export async function watchLive(page: Page): Promise<void> {
  page.setDefaultTimeout(BUSY_MACHINE_MS);
  await page.addInitScript(noteLive);
}

function noteLive(): void {
  document.addEventListener('htmx:sse:after:message', () => {
    document.documentElement.dataset['heard'] = 'yes';
  });
}

/** Waits until it has, where the page has a stream. */
export async function untilLive(page: Page): Promise<void> {
  if ((await page.locator('#stream').count()) > 0) await page.waitForSelector('html[data-heard]');
}
