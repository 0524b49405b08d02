/** The inspector's page in a real browser, as on a phone. */
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LANGUAGES, reasonText } from '#contracts/reason-codes.ts';
import { type InspectorServer, openInspectorServer } from '../../../edge-agent/adapters/inspector-server.ts';
import { renderInspection } from '../../../edge-agent/inspect/render.ts';
import type { InspectorView } from '../../../edge-agent/inspect/view.ts';
import { openBrowser } from '../../pages/browser.ts';

const ZONE = 'Europe/Kyiv';
/** 07:40 in Kyiv. */
const AT_MS = Date.UTC(2025, 9, 14, 4, 40);
const HERE = { online: true, atMs: AT_MS, vehicleId: '101', routeId: 'T2', staffId: '4711' };
const ACT = {
  uk: 'Кодекс України про адміністративні правопорушення',
  en: 'Code of Administrative Offences',
  de: 'Ordnungswidrigkeitengesetz der Ukraine',
  pl: 'Kodeks wykroczeń Ukrainy',
};
const PROTOCOL = {
  number: '7K2M-Q4ZT',
  fareMinor: '1200',
  factor: 20,
  penaltyMinor: '24000',
  currency: 'UAH',
  act: 'kupap',
  actNames: ACT,
  article: 'ст. 135 (not-checked)',
  packageHash: 'ab'.repeat(32),
};
/** One of each colour, and every control. */
const LOOKED_AT = new Set(['closed', 'choose-vehicle', 'ride-stands', 'no-ride', 'unclear', 'not-readable']);
const VIEWS: InspectorView[] = [
  { sign: 'closed', online: false, atMs: AT_MS },
  { sign: 'choose-vehicle', online: true, atMs: AT_MS, staffId: '4711' },
  { ...HERE, sign: 'ready' },
  {
    ...HERE,
    sign: 'ride-stands',
    evidence: 'card-log',
    ride: { atMs: AT_MS - 600_000, companions: 2, bags: 1 },
  },
  { ...HERE, sign: 'no-ride', evidence: 'vehicle', protocol: PROTOCOL },
  { ...HERE, sign: 'refused', reason: 'CARD_EXPIRED', protocol: PROTOCOL },
  { ...HERE, sign: 'validator-out-of-order', outOfOrder: ['val-101'], online: false },
  { ...HERE, sign: 'unclear', evidence: 'none', reason: 'CARD_UNKNOWN' },
  { ...HERE, sign: 'not-readable', reason: 'CARD_UNREADABLE' },
  { ...HERE, sign: 'not-written' },
];

describe('the words', () => {
  it.each(LANGUAGES)(
    'in %s every sign has a title, and a protocol names number, place, money and law',
    (language) => {
      for (const view of VIEWS) expect(renderInspection(view, ZONE).words[language].title).not.toBe('');
      const { protocol } = renderInspection(VIEWS[4] as InspectorView, ZONE).words[language];
      const paper = protocol.map((line) => line.join(': ')).join('\n');
      expect(paper).toContain('7K2M-Q4ZT');
      expect(paper).toContain('101 · T2');
      expect(paper).toMatch(/240.* = 20 × \D*12/);
      expect(paper).toContain(ACT[language]);
      expect(paper).toMatch(/\b0?7[:.]40/);
      expect(paper).toContain('4711');
    },
  );

  it('the article is said in the language of the paper', () => {
    const paper = renderInspection(VIEWS[4] as InspectorView, ZONE).words;
    expect(paper.uk.protocol.flat().join()).toContain('ст. 135');
    expect(paper.en.protocol.flat().join()).toContain('Art. 135 (not checked against the text)');
  });

  it('a result without a protocol has no paper, and why a card is not taken is said once', () => {
    expect(renderInspection(VIEWS[6] as InspectorView, ZONE).words.uk.protocol).toEqual([]);
    const refused = renderInspection(VIEWS[5] as InspectorView, ZONE).words.en;
    expect([refused.text, refused.lines]).toEqual([reasonText('CARD_EXPIRED', 'en'), []]);
    const unclear = renderInspection(VIEWS[7] as InspectorView, ZONE).words.en;
    expect(unclear.lines.flat()).toContain(reasonText('CARD_UNKNOWN', 'en'));
  });
});

describe('the page in Chromium', () => {
  let browser: Browser;
  let server: InspectorServer;
  let page: Page;
  const errors: string[] = [];
  const asked: string[] = [];

  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser?.close());
  beforeEach(async () => {
    server = await openInspectorServer(0, ZONE);
    asked.length = 0;
    server.obey({
      chooseVehicle: (vehicleId) => void asked.push(`vehicle ${vehicleId}`),
      checkWithoutCard: () => void asked.push('no card'),
      closeShift: () => void asked.push('close'),
    });
    const context = await browser.newContext({ viewport: { width: 390, height: 844 } });
    page = await context.newPage();
    errors.length = 0;
    page.on('pageerror', (error) => void errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
  });
  afterEach(async () => {
    await page.context().close();
    await server.stop();
  });

  const shown = async (view: InspectorView) => {
    server.show(view);
    await page.waitForSelector(`body[data-sign="${view.sign}"]`);
  };

  it('shows every view with one shape, without an error of script, style or axe, and without scrolling aside', async () => {
    await page.goto(server.url);
    for (const view of VIEWS) {
      await shown(view);
      const { words } = renderInspection(view, ZONE);
      await page.waitForFunction(
        `document.getElementById('title').textContent === ${JSON.stringify(words.uk.title)}`,
      );
      expect(await page.locator('.shape:visible').count()).toBe(1);
      expect(await page.isVisible('#protocol')).toBe(view.protocol !== undefined);
      expect(await page.isVisible('#offline')).toBe(!view.online);
      expect(await page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
      if (!LOOKED_AT.has(view.sign)) continue;
      const { violations } = await new AxeBuilder({ page })
        .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
        .analyze();
      expect(violations.map(({ id, nodes }) => [view.sign, id, nodes.map((node) => node.html)])).toEqual([]);
    }
    expect(errors).toEqual([]);
  });

  it('is worked by keyboard alone: language, vehicle, no card, and the language stays', async () => {
    server.show({ sign: 'choose-vehicle', online: true, atMs: AT_MS });
    await page.goto(server.url);
    await page.waitForFunction('document.documentElement.lang === "uk"');
    await page.keyboard.press('3');
    expect(await page.textContent('#title')).toBe('Welches Fahrzeug ist das?');
    await page.focus('#vehicle');
    await page.keyboard.type('101');
    await page.keyboard.press('Enter');
    await expect.poll(() => asked).toEqual(['vehicle 101']);
    await shown({ ...HERE, sign: 'ready' });
    await page.keyboard.press('n');
    await expect.poll(() => asked.at(-1)).toBe('no card');
    await page.focus('#close');
    await page.keyboard.press('Enter');
    await expect.poll(() => asked.at(-1)).toBe('close');
    await page.reload();
    await page.waitForFunction('document.documentElement.lang === "de"');
    expect(await page.textContent('#no-card')).toBe('Keine Karte');
    expect(await page.getAttribute('[role=status]', 'aria-live')).toBe('assertive');
  });

  it('two equal results in a row are two, and a network that comes is none', async () => {
    await page.goto(server.url);
    await page.waitForSelector('body[data-sign="closed"]');
    const result = VIEWS[3] as InspectorView;
    const seen = async (checkNo: number) => {
      await page.waitForSelector(`#check:text-is("Перевірка № ${checkNo}")`);
      return page.getAttribute('body', 'data-beat');
    };
    server.show(result);
    const first = await seen(1);
    server.show({ ...result, atMs: AT_MS + 2000 });
    const second = await seen(2);
    server.show({ ...result, atMs: AT_MS + 2000, online: false });
    await page.waitForSelector('#offline:visible');
    expect(await seen(2)).toBe(second);
    expect(second).not.toBe(first);
  });

  it('says what the device refuses, until the next thing is done', async () => {
    server.show({ sign: 'choose-vehicle', online: true, atMs: AT_MS });
    await page.goto(server.url);
    await page.waitForSelector('body[data-sign="choose-vehicle"]');
    await page.evaluate("document.getElementById('vehicle').value = '\\u0007'");
    await page.click('#take');
    await page.waitForSelector('#refused:not(:empty)');
    expect(await page.textContent('#refused')).toContain('номера транспорту не буває');
    expect(await page.getAttribute('#refused', 'role')).toBe('alert');
    expect(asked).toEqual([]);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Tab');
    await page.keyboard.press('2');
    expect(await page.textContent('#refused')).toContain('No vehicle has such a number');
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
      .analyze();
    expect(violations.map(({ id }) => id)).toEqual([]);
    await page.fill('#vehicle', '101');
    await page.click('#take');
    await expect.poll(() => asked).toEqual(['vehicle 101']);
    await page.waitForSelector('#refused:empty', { state: 'attached' });
  });

  it('drops the last result when its device is gone', async () => {
    await page.goto(server.url);
    await shown(VIEWS[4] as InspectorView);
    await server.stop();
    await page.waitForSelector('body[data-sign="not-written"]');
    expect(await page.isVisible('#protocol')).toBe(false);
  });
});

it("another page's commands, malformed ones and large ones do nothing", async () => {
  const server = await openInspectorServer(0, ZONE);
  const asked: string[] = [];
  server.obey({
    chooseVehicle: (vehicleId) => void asked.push(vehicleId),
    checkWithoutCard: () => void asked.push('no card'),
    closeShift: () => void asked.push('close'),
  });
  const own = { origin: new URL(server.url).origin, 'content-type': 'application/json' };
  const ask = async (headers: Record<string, string>, body: string) =>
    (await fetch(`${server.url}act`, { method: 'POST', headers, body }).catch(() => ({ status: 0 }))).status;
  try {
    expect(await ask(own, '{"do":"no-card"}')).toBe(200);
    expect(await ask({ ...own, origin: 'http://127.0.0.1:1' }, '{"do":"close"}')).toBe(403);
    expect(await ask({ origin: own.origin, 'content-type': 'text/plain' }, '{"do":"close"}')).toBe(403);
    for (const body of ['{"do":"open"}', '{"do":"vehicle","vehicleId":""}', 'x', '[]', ''])
      expect([body, await ask(own, body)]).toEqual([body, 400]);
    expect(await ask(own, `{"do":"vehicle","vehicleId":"${'1'.repeat(2000)}"}`)).not.toBe(200);
    expect(asked).toEqual(['no card']);
  } finally {
    await server.stop();
  }
});
