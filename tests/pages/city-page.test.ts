/** The city page in a real browser, over the real database. */
import { AxeBuilder } from '@axe-core/playwright';
import pg from 'pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { createLogger } from '#platform/logger.ts';
import { type Portal, startPortal } from '../../portal/main.ts';
import { CATALOGUES } from '../../portal/wording.ts';
import { aHealth } from '../portal/support/fake-views.ts';
import { insertDecidedTap } from '../portal/support/insert-decided-tap.ts';
import { manualClock } from '../support/manual-clock.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { openBrowser } from './browser.ts';
import { heldRow } from './held-row.ts';
import { BUSY_MACHINE_MS, untilLive, watchLive } from './live.ts';
import { withoutWebGl } from './without-webgl.ts';

const MORNING_MS = Date.UTC(2025, 9, 14, 4, 13, 0);
vi.setConfig({ testTimeout: 2 * BUSY_MACHINE_MS });
const SCREEN = { viewport: { width: 1360, height: 900 } };
const EVIL = '<img src=x onerror="window.pwned=1">';

let database: TestDatabase;
let admin: pg.Client;
let portal: Portal;
let browser: Browser;
/** Keeps scripts in its cache from test to test. */
let ordinary: BrowserContext;
/** Its page without a map, loaded anew by each test: a page of its own costs a process. */
let ordinaryPage: Page;
/** Of a test that needs an empty cache or no scripts. */
let context: BrowserContext | undefined;
let seq = 0;

beforeAll(async () => {
  database = await openTestDatabase();
  await database.migrate([
    { schema: 'fare', owner: 'fare_owner', dir: 'fare-engine/migrations' },
    { schema: 'ingest', owner: 'ingest_owner', dir: 'ingest/migrations' },
  ]);
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  portal = await startPortal(
    {
      KVYTOK_PORTAL_LISTEN: '127.0.0.1:0',
      KVYTOK_POSTGRES_URL: database.url('portal_runtime'),
      KVYTOK_CITY_DIR: 'cities/ternopil',
    },
    {
      clock: { ...manualClock(MORNING_MS), speed: 10 },
      log: createLogger({ component: 'test', level: 'silent' }),
      requestsPerMinuteMax: 100_000,
    },
  );
  browser = await openBrowser();
  ordinary = await browser.newContext(SCREEN);
  ordinaryPage = await ordinary.newPage();
  await ordinaryPage.addInitScript(withoutWebGl);
  await watchLive(ordinaryPage);
  for (let i = 0; i < 5; i++) await tap(i % 2 === 0);
  await device('val-102', {});
  await device('val-103', {
    reader: { state: 'absent', recoveries: 2 },
    where: { vehicleId: 'T8-1', routeId: 'T8' },
    position: { lat: 49.54, lon: 25.6 },
  });
});

afterAll(async () => {
  await browser?.close();
  await portal?.stop();
  await admin?.end();
  await database?.close();
});

afterEach(async () => {
  await context?.close();
  context = undefined;
  await ordinaryPage.emulateMedia({ colorScheme: null, reducedMotion: null });
  await ordinaryPage.setViewportSize(SCREEN.viewport);
  for (const page of ordinary.pages()) if (page !== ordinaryPage) await page.close();
});

/** A tap is decided, as the fare engine would tell it. */
async function tap(
  concession: boolean,
  different: { deviceId?: string; routeId?: string } = {},
): Promise<string> {
  seq += 1;
  const tapId = await insertDecidedTap(admin, { seq, concession, decidedAfterMs: seq * 1000, ...different });
  await admin.query("SELECT pg_notify('kvytok_decided', '1')");
  return tapId;
}

async function device(deviceId: string, different: Parameters<typeof aHealth>[1]): Promise<void> {
  await admin.query(
    `INSERT INTO ingest.device_key (device_id, key_id, public_key_pem, valid_from_ms)
     SELECT $1::text, 'k1', 'pem', 0 WHERE NOT EXISTS (SELECT FROM ingest.device_key WHERE device_id = $1)`,
    [deviceId],
  );
  await admin.query('INSERT INTO ingest.device_status (device_id, online, at_ms) VALUES ($1, true, $2)', [
    deviceId,
    MORNING_MS,
  ]);
  await admin.query('INSERT INTO ingest.device_health (device_id, health, at_ms) VALUES ($1, $2, $3)', [
    deviceId,
    JSON.stringify(aHealth(deviceId, different)),
    MORNING_MS,
  ]);
}

interface OpenOptions {
  readonly map?: boolean;
  /** What the page is seen with; it stays so until the test is over. */
  readonly media?: Parameters<Page['emulateMedia']>[0];
  readonly screen?: { readonly width: number; readonly height: number };
}

/** Without a map where the test is not about it: drawn by the processor it takes most of a test's time. */
async function open(path = '/?lang=uk', { map = false, media, screen }: OpenOptions = {}): Promise<Page> {
  const page = map ? await ordinary.newPage() : ordinaryPage;
  if (map) await watchLive(page);
  if (media) await page.emulateMedia(media);
  if (screen) await page.setViewportSize(screen);
  await page.goto(`${portal.url}${path}`);
  await untilLive(page);
  return page;
}

/**
 * Barriers that are serious or worse, with the places of the first. The page has no frames, so axe runs in it alone;
 * and it describes only what is wrong: to describe all that is right takes it ten times as long.
 */
async function barriers(page: Page, narrow: (axe: AxeBuilder) => AxeBuilder): Promise<unknown[]> {
  expect(page.frames()).toHaveLength(1);
  const axe = new AxeBuilder({ page }).options({ resultTypes: ['violations'] }).setLegacyMode();
  const { violations } = await narrow(axe).analyze();
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return grave.map(({ id, nodes }) => [id, nodes.slice(0, 3).map((node) => node.html)]);
}

const rows = (page: Page) => page.locator('#taps .tap');

describe('the city page', () => {
  it('stands, with the map drawn from our own data', async () => {
    const page = await open('/?lang=uk', { map: true });
    await page.waitForSelector('.map canvas');
    await page.waitForSelector('.map-buttons');
    expect(await page.locator('#figures').innerText()).toContain('Поїздки обліковано');
    expect(await page.locator('#counts').innerText()).toContain('Вирішено реєстрацій');
    expect(await page.locator('#vehicles').innerText()).toContain('T5-1');
    expect(await page.locator('#devices').innerText()).toContain('не читає карток');
  });

  it('loads less than 150 kB of script besides the map', async () => {
    context = await browser.newContext();
    const page = await context.newPage();
    await watchLive(page);
    const scripts = new Map<string, Promise<number>>();
    page.on('response', (response) => {
      if (response.request().resourceType() !== 'script' || response.url().includes('maplibre')) return;
      scripts.set(
        response.url(),
        response.body().then((body) => body.byteLength),
      );
    });
    await page.goto(`${portal.url}/`);
    await page.waitForSelector('.map-buttons');
    await page.waitForSelector('#plot-taps canvas');
    const sizes = await Promise.all(scripts.values());
    const total = sizes.reduce((sum, size) => sum + size, 0);
    expect(sizes.length).toBeGreaterThan(5);
    expect(total).toBeLessThan(150_000);
  });

  it('shows a new decision without a reload, at the top, with its sums', async () => {
    const page = await open();
    await page.evaluate(() => {
      (window as unknown as { stayed: boolean }).stayed = true;
    });
    const ridesOf = () =>
      Number(document.querySelector('#figures .figure-value')?.textContent?.replaceAll(/\s/g, ''));
    const before = await page.evaluate(ridesOf);
    const tapId = await tap(true);
    await page.waitForSelector(`[data-tap="${tapId}/1"]`);
    expect(await rows(page).first().getAttribute('data-tap')).toBe(`${tapId}/1`);
    expect(await rows(page).first().innerText()).toContain('12,00');
    await page.waitForFunction(
      (rides) =>
        document.querySelector('#figures .figure-value')?.textContent?.replaceAll(/\s/g, '') === rides,
      String(before + 1),
    );
    expect(await page.evaluate(() => (window as unknown as { stayed?: boolean }).stayed)).toBe(true);
  });

  it('holds new rows while somebody points at the list; a button or leaving lets them in', async () => {
    const page = await open();
    const pressed = async (): Promise<string | undefined> => {
      const tapId = await heldRow(page, () => tap(true));
      if (tapId === undefined) return undefined;
      const click = page.locator('#taps-new').click({ timeout: 5000 });
      return await click.then(
        () => tapId,
        () => undefined,
      );
    };
    const left = async (): Promise<string | undefined> => {
      const tapId = await heldRow(page, () => tap(false));
      await page.mouse.move(5, 5);
      return tapId;
    };
    for (const letIn of [pressed, left]) {
      let tapId: string | undefined;
      for (let tries = 0; tapId === undefined && tries < 5; tries++) tapId = await letIn();
      await page.waitForSelector(`#taps [data-tap="${tapId}/1"]`);
      expect(await rows(page).first().getAttribute('data-tap')).toBe(`${tapId}/1`);
      expect(await page.locator('#taps-new').isVisible()).toBe(false);
    }
  });

  it('holds new rows while somebody stands in the list with the keyboard', async () => {
    const page = await open();
    const link = rows(page).nth(2).locator('a');
    await link.focus();
    const held = await tap(true);
    await page.waitForSelector('#taps-new:not([hidden])');
    expect(await page.locator(`#taps [data-tap="${held}/1"]`).count()).toBe(0);
    await link.evaluate((element) => (element as HTMLElement).blur());
    await page.waitForSelector(`#taps [data-tap="${held}/1"]`);
  });

  it('keeps the live list bounded', async () => {
    const page = await open();
    for (let i = 0; i < 40; i++) await tap(false);
    const last = await tap(true);
    await page.waitForSelector(`[data-tap="${last}/1"]`);
    expect(await rows(page).count()).toBeLessThanOrEqual(31);
  });

  it('moves a vehicle when its device reports from elsewhere', async () => {
    const page = await open();
    await page.waitForSelector('#vehicles table');
    await admin.query(
      `UPDATE ingest.device_health SET at_ms = at_ms + 1000,
         health = jsonb_set(jsonb_set(health, '{nextStopId}', '"vokzal"'), '{atMs}', to_jsonb($1::bigint)) WHERE device_id = 'val-102'`,
      [MORNING_MS + 1000],
    );
    await page.waitForFunction(() =>
      document.querySelector('#vehicles')?.textContent?.includes('Залізничний вокзал'),
    );
  });

  it.each(LANGUAGES)('speaks %s', async (language) => {
    const page = await open(`/?lang=${language}`);
    expect(await page.getAttribute('html', 'lang')).toBe(language);
    expect(await page.locator('#taps-title').innerText()).toBe(CATALOGUES[language]['taps.title']);
    // What comes over the stream speaks it too.
    const tapId = await tap(true);
    await page.waitForSelector(`[data-tap="${tapId}/1"]`);
    expect(await rows(page).first().innerText()).toContain(CATALOGUES[language]['medium.social']);
  });
});

describe('an explanation', () => {
  it('opens over the city with its own address; back closes it and returns to the row', async () => {
    const page = await open('/?lang=uk', { map: true });
    await page.waitForSelector('.map canvas');
    const link = rows(page).nth(1).locator('a');
    const href = await link.getAttribute('href');
    await link.click();
    await page.waitForSelector('#sheet .amounts');
    expect(new URL(page.url()).pathname).toBe(href);
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('answer');
    expect(await page.locator('#sheet').innerText()).toContain('рішення виконкому 2024 року про тарифи');
    await page.goBack();
    await page.waitForFunction(() => !(document.querySelector('#sheet') as HTMLDialogElement).open);
    await page.waitForFunction((path) => document.activeElement?.getAttribute('href') === path, href);
    expect(await page.locator('.map canvas').count()).toBe(1);
  });

  it('is reached, read and left with the keyboard alone', async () => {
    const page = await open();
    await page.keyboard.press('Tab');
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('skip');
    await page.keyboard.press('Enter');
    for (let i = 0; i < 30; i++) {
      await page.keyboard.press('Tab');
      if (await page.evaluate(() => document.activeElement?.hasAttribute('data-explain'))) break;
    }
    expect(await page.evaluate(() => document.activeElement?.className)).toBe('tap-link');
    await page.keyboard.press('Enter');
    await page.waitForSelector('#sheet .amounts');
    // Focus stays inside while the sheet is open.
    for (let i = 0; i < 8; i++) {
      await page.keyboard.press('Tab');
      const inside = await page.evaluate(
        () => document.activeElement === document.body || document.activeElement?.closest('#sheet') !== null,
      );
      expect(inside).toBe(true);
    }
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !(document.querySelector('#sheet') as HTMLDialogElement).open);
    await page.waitForFunction(() => document.activeElement?.className === 'tap-link');
    await page.waitForFunction(() => location.pathname === '/');
  });

  it('is a page of its own for whoever opens its address', async () => {
    const tapId = await tap(true);
    const page = await open(`/taps/${tapId}?lang=pl`);
    expect((await page.locator('h1').innerText()).trim()).toBe(
      'Bezpłatnie: emeryt, uchwała Rady Ministrów 354.',
    );
    await page.click('.crumbs a');
    await page.waitForSelector('#taps .tap');
  });

  it('says plainly when there is none', async () => {
    const page = await open('/taps/rubbish?lang=en');
    expect(await page.locator('h1').innerText()).toBe('This is not a ride number');
  });
});

describe('for everybody', () => {
  it.each([
    ['city', '/?lang=uk', 'light'],
    ['city at night', '/?lang=de', 'dark'],
    ['explanation', 'tap', 'light'],
    ['explanation at night', 'tap', 'dark'],
    ['nothing', '/nowhere', 'light'],
  ] as const)('%s: no serious barrier (axe, WCAG 2.2 AA)', async (_name, path, colorScheme) => {
    const page = await open(path === 'tap' ? `/taps/${await tap(true)}` : path, {
      media: { colorScheme, reducedMotion: 'reduce' },
      map: path === '/?lang=uk',
    });
    if (path === '/?lang=uk') await page.waitForSelector('.map-buttons');
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    expect(await barriers(page, (axe) => axe.withTags(tags))).toEqual([]);
  });

  it('the sheet over the city has no serious barrier either', async () => {
    const page = await open('/', { media: { reducedMotion: 'reduce' } });
    await rows(page).first().locator('a').click();
    await page.waitForSelector('#sheet .amounts');
    expect(await barriers(page, (axe) => axe.include('#sheet'))).toEqual([]);
  });

  it.each([
    [320, 640],
    [390, 844],
    [768, 1024],
  ])('a screen of %i × %i needs no sideways scrolling', async (width, height) => {
    for (const path of ['/?lang=de', `/taps/${await tap(true)}?lang=de`]) {
      const page = await open(path, { screen: { width, height } });
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    }
  });

  it('works without scripts: figures, list and explanation are plain pages', async () => {
    context = await browser.newContext({ ...SCREEN, javaScriptEnabled: false });
    const page = await context.newPage();
    page.setDefaultTimeout(BUSY_MACHINE_MS);
    await page.goto(`${portal.url}/?lang=uk`);
    expect(await rows(page).count()).toBeGreaterThan(3);
    await rows(page).first().locator('a').click();
    await page.waitForURL('**/taps/**');
    expect(await page.locator('h1').innerText()).toMatch(/Безкоштовно|Оплачено/);
  });
});

describe('bad input', () => {
  it('a route and a device named like markup stay text, on the page, in the stream and on the map', async () => {
    const page = await open();
    await device('val-evil', {
      where: { vehicleId: EVIL, routeId: EVIL },
      position: { lat: 49.55, lon: 25.59 },
    });
    const tapId = await tap(false, { deviceId: 'val-evil', routeId: EVIL });
    await page.waitForSelector(`[data-tap="${tapId}/1"]`);
    await page.waitForFunction(
      (evil) => document.querySelector('#vehicles')?.textContent?.includes(evil),
      EVIL,
    );
    await rows(page).first().locator('a').click();
    await page.waitForSelector('#sheet .amounts');
    expect(await page.locator('#sheet').innerText()).toContain(EVIL);
    expect(await page.evaluate(() => (window as unknown as { pwned?: number }).pwned)).toBeUndefined();
    expect(await page.locator('img').count()).toBe(0);
    const reloaded = await open('/?lang=uk', { map: true });
    await reloaded.waitForSelector('.map-buttons');
    expect(await reloaded.evaluate(() => (window as unknown as { pwned?: number }).pwned)).toBeUndefined();
  });
});
