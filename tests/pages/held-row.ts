/** A new row that waits, because somebody points at the live list when it comes. */
import type { Page } from 'playwright-core';
import { expect } from 'vitest';

/**
 * Points at the list and has a tap decided: its row waits, and a button says so. Gives the tap's id; `undefined` when what came
 * above the list meanwhile moved it from under the pointer, which has then left it: nothing waits any more.
 */
export async function heldRow(page: Page, decide: () => Promise<string>): Promise<string | undefined> {
  const rows = page.locator('#taps .tap');
  await page.mouse.move(5, 5);
  await page.waitForSelector('#taps-new', { state: 'hidden' });
  const first = await rows.first().getAttribute('data-tap');
  await rows.nth(1).hover();
  const tapId = await decide();
  await page.waitForSelector(`:is(#fresh-taps, #taps) [data-tap="${tapId}/1"]`, { state: 'attached' });
  // One look at all of it: from one to the next it may have been let in.
  const { waits, text, top } = await page.evaluate((id) => {
    const button = document.querySelector<HTMLElement>('#taps-new');
    const waits = document.querySelector(`#fresh-taps [data-tap="${id}/1"]`) !== null;
    const top = document.querySelector('#taps .tap')?.getAttribute('data-tap');
    return { waits, text: button?.hidden === false ? button.innerText : '', top };
  }, tapId);
  if (!waits) return undefined;
  expect({ text, top }).toEqual({ text: 'Нові: 1', top: first });
  return tapId;
}
