/** Debian's Chromium for page tests, without a display and without calls to anywhere. */
import { type Browser, chromium } from 'playwright-core';

/** Starts it; close it with `close()`. */
export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
