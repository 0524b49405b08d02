/** A debt from the refusal to the green light, in a real browser over every real part; the figure is printed, not asserted. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { formatDebtReference } from '#contracts/debt-reference.ts';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { type DebtsRig, openDebtsRig } from '../../cli/bench/debts-rig.ts';
import { CATALOGUES } from '../../portal/wording.ts';
import { WELL_BEHAVED } from '../../simulators/payments/misbehaviour.ts';
import { openBrowser } from '../pages/browser.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';

/** How long a page may take to show something while other tests use the machine. */
const BUSY_MACHINE_MS = 60_000;
vi.setConfig({ testTimeout: 3 * BUSY_MACHINE_MS, hookTimeout: 2 * BUSY_MACHINE_MS });
const PHONE = { viewport: { width: 360, height: 740 }, javaScriptEnabled: false };
const uk = CATALOGUES.uk;

const folder = tempFolder('debts');
let rig: DebtsRig;
let browser: Browser;
beforeAll(async () => {
  [rig, browser] = await Promise.all([openDebtsRig(folder.path), openBrowser()]);
});
afterAll(async () => {
  await browser?.close();
  await rig?.stop();
  folder.remove();
});

/** A card whose bank refuses rides once and is refused at the next touch; gives the code that the screen shows. */
async function owes(n: number): Promise<string> {
  rig.empty(n);
  expect((await rig.touch(n)).sign).toBe('accepted');
  const refused = await until(
    async () => {
      const view = await rig.touch(n);
      return view.sign === 'refused' ? view : null;
    },
    { what: 'the refusal of the card', withinMs: BUSY_MACHINE_MS, everyMs: 1000 },
  );
  expect(refused.reason).toBe('CARD_DENIED');
  return refused.lookUp ?? '';
}

async function open(options = PHONE): Promise<Page> {
  const page = await (await browser.newContext({ locale: 'uk', ...options })).newPage();
  page.setDefaultTimeout(BUSY_MACHINE_MS);
  return page;
}

async function find(page: Page, code: string): Promise<void> {
  await page.goto(`${rig.portalUrl}/debt`);
  await page.getByLabel(uk['debt.label']).fill(formatDebtReference(code).toLowerCase());
  await page.keyboard.press('Enter');
  await page.waitForURL(`**/debt/${code}`);
}

/** The page, once it says what is owed: a refused card is off the list a moment before its debt is reckoned. */
async function owed(page: Page, code: string): Promise<void> {
  await page.goto(`${rig.portalUrl}/debt/${code}`);
  await page.locator('form button').waitFor();
}

const tooWide = (page: Page): Promise<boolean> =>
  page.evaluate('document.documentElement.scrollWidth > window.innerWidth');
const heading = (page: Page) => page.locator('h1');

describe('a debt', () => {
  let code = '';

  it('is found by the code on the screen, explained, paid by keyboard and without scripts, and the card rides again', async () => {
    code = await owes(1);
    const page = await open();
    await find(page, code);
    await page.locator('form button').waitFor();
    expect(await heading(page).textContent()).toContain('15,00');
    expect(await page.locator('.debt-rides li').count()).toBe(1);
    expect(await page.locator('.debt-rides').textContent()).toContain('Вартість поїздки 15,00');
    expect(await page.content()).not.toMatch(/k\d+\.[0-9a-f]{32}|bp-[0-9a-f]{8}/);
    await page.locator('form button').focus();
    await page.keyboard.press('Enter');
    // It reloads by itself until the provider's page is open.
    const go = page.getByRole('link', { name: uk['debt.toProvider'] });
    await go.waitFor();
    await go.focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(`${rig.provider.url}/pay/**`);
    const paidAtMs = performance.now();
    await page.locator('button[value=paid]').click();
    await page.waitForURL('**/payment?**');
    await until(async () => (await rig.touch(1)).sign === 'accepted', {
      what: 'the green light',
      withinMs: BUSY_MACHINE_MS,
      everyMs: 300,
    });
    console.log(`from "paid" to the green light: ${Math.round(performance.now() - paidAtMs)} ms`);
    await page.getByText(uk['debt.free']).waitFor();
    const { rows } = await rig.auditor.query<{ account: string; minor: bigint }>(
      `SELECT debit_account AS account, sum(amount_minor)::bigint AS minor FROM fare.posting
        WHERE source LIKE 'bank:%' GROUP BY 1`,
    );
    expect(rows).toEqual([{ account: 'till:sandbox-pay', minor: 1500n }]);
    const leaves = await rig.auditor.query(`SELECT FROM fare.audit_leaf WHERE kind = 'debt-payment'`);
    expect(leaves.rowCount).toBe(3);
    await page.goto(`${rig.portalUrl}/debt/${code}`);
    expect(await heading(page).textContent()).toBe(uk['debt.none']);
    await page.context().close();
  });

  it('stands when the payer fails or leaves, and when no call of the provider ever comes it is paid all the same', async () => {
    const second = await owes(2);
    const page = await open();
    const begin = async (): Promise<void> => {
      await owed(page, second);
      await page.locator('form button').click();
      await page.getByRole('link', { name: uk['debt.toProvider'] }).click();
    };
    await begin();
    await page.locator('button[value=cancelled]').click();
    await page.getByRole('heading', { name: uk['debt.ended.cancelled'] }).waitFor();
    await page.getByRole('link', { name: uk['debt.again'], exact: true }).click();
    Object.assign(rig.provider.misbehaviour, { callsEach: 0, errors: 1 });
    await begin();
    await page.locator('button[value=paid]').click();
    await page.getByRole('heading', { name: uk['debt.paid'] }).waitFor();
    Object.assign(rig.provider.misbehaviour, WELL_BEHAVED);
    await page.context().close();
  });

  it('is shown to people who see, hear and type: axe finds nothing, in four languages, on a phone and in the dark', async () => {
    const third = await owes(3);
    const page = await open({ viewport: PHONE.viewport, javaScriptEnabled: true });
    await owed(page, third);
    const clean = async (path: string): Promise<void> => {
      await page.goto(`${rig.portalUrl}${path}`);
      const { violations } = await new AxeBuilder({ page }).analyze();
      expect(
        violations.map(({ id, nodes }) => [id, nodes[0]?.html]),
        path,
      ).toEqual([]);
      expect(await tooWide(page), path).toBe(false);
    };
    await clean(`/debt/${third}?lang=uk`);
    // The structure is the same in each language; what may differ is how long its words are.
    for (const language of LANGUAGES) {
      await page.goto(`${rig.portalUrl}/debt/${third}?lang=${language}`);
      expect(await page.locator('html').getAttribute('lang')).toBe(language);
      expect(await page.content()).toContain(CATALOGUES[language]['debt.why']);
      expect(await tooWide(page), language).toBe(false);
    }
    await page.emulateMedia({ colorScheme: 'dark' });
    await clean('/debt?lang=uk');
    await clean(`/debt/${third}/payment`);
    await page.context().close();
  });

  it('is nobody’s to guess: unknown and paid codes look the same, slips are told, a card number is never shown again', async () => {
    const page = await open();
    const bodyOf = async (path: string): Promise<string> => {
      await page.goto(`${rig.portalUrl}${path}`);
      return (
        (await page.locator('main').textContent())?.replaceAll(
          /[2345679ACEHKMPTX]{4}( [2345679ACEHKMPTX]{4}){3}/g,
          '',
        ) ?? ''
      );
    };
    expect(await bodyOf(`/debt/${code}`)).toBe(await bodyOf('/debt/2222222222222222'));
    const type = async (text: string): Promise<void> => {
      await page.goto(`${rig.portalUrl}/debt`);
      await page.getByLabel(uk['debt.label']).fill(text);
      await page.keyboard.press('Enter');
      await page.locator('.field-error').waitFor();
    };
    await type('4761 7390 0101 0010');
    expect(await page.locator('.field-error').textContent()).toBe(uk['debt.cardNumber']);
    expect([page.url(), await page.locator('#reference').inputValue()]).toEqual([
      `${rig.portalUrl}/debt`,
      '',
    ]);
    await type(`${code.slice(0, 15)}${code.endsWith('2') ? '3' : '2'}`);
    expect(await page.locator('.field-error').textContent()).toBe(uk['debt.malformed']);
    expect(await page.locator('#reference').getAttribute('aria-invalid')).toBe('true');
    expect((await fetch(`${rig.portalUrl}/debt/nonsense`)).status).toBe(404);
    // A minute may end meanwhile and another begin: of the requests of two minutes one is too many.
    const answers = [];
    for (let n = 0; n < 61 && answers.at(-1) !== 429; n += 1)
      answers.push((await fetch(`${rig.portalUrl}/debt/2222222222222222`)).status);
    expect(answers.at(-1)).toBe(429);
    await page.context().close();
  });

  it('takes no call that the provider has not signed', async () => {
    const call = (headers: Record<string, string>) =>
      fetch(`${rig.portalUrl}/payments/call`, { method: 'POST', body: '{}', headers });
    expect((await call({})).status).toBe(400);
    const forged = `t=${Math.floor(Date.now() / 1000)},v1=${'0'.repeat(64)}`;
    expect((await call({ 'kvytok-payment-signature': forged })).status).toBe(400);
  });
});
