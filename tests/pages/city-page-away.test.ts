/** The city page when something it needs fails or is late: over the real database, in a real browser. */
import pg from 'pg';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { type Portal, startPortal } from '../../portal/main.ts';
import { CATALOGUES } from '../../portal/wording.ts';
import { insertDecidedTap } from '../portal/support/insert-decided-tap.ts';
import { manualClock } from '../support/manual-clock.ts';
import { openTestDatabase, type TestDatabase } from '../support/test-database.ts';
import { openBrowser } from './browser.ts';
import { BUSY_MACHINE_MS, untilLive, watchLive } from './live.ts';
import { withoutWebGl } from './without-webgl.ts';

const MORNING_MS = Date.UTC(2025, 9, 14, 4, 13, 0);
vi.setConfig({ testTimeout: 2 * BUSY_MACHINE_MS });

let database: TestDatabase;
let admin: pg.Client;
let portal: Portal;
let browser: Browser;
let context: BrowserContext;

beforeAll(async () => {
  database = await openTestDatabase();
  await database.migrate([
    { schema: 'fare', owner: 'fare_owner', dir: 'fare-engine/migrations' },
    { schema: 'ingest', owner: 'ingest_owner', dir: 'ingest/migrations' },
  ]);
  admin = new pg.Client({ connectionString: database.adminUrl });
  await admin.connect();
  portal = await start('127.0.0.1:0');
  browser = await openBrowser();
});

afterAll(async () => {
  await browser?.close();
  await portal?.stop();
  await admin?.end();
  await database?.close();
});

afterEach(() => context?.close());

function start(listen: string): Promise<Portal> {
  return startPortal(
    {
      KVYTOK_PORTAL_LISTEN: listen,
      KVYTOK_POSTGRES_URL: database.url('portal_runtime'),
      KVYTOK_CITY_DIR: 'cities/ternopil',
    },
    { clock: manualClock(MORNING_MS), log: createLogger({ component: 'test', level: 'silent' }) },
  );
}

/** A page that has nothing in its cache. */
async function blank(): Promise<Page> {
  context = await browser.newContext();
  const page = await context.newPage();
  await page.addInitScript(withoutWebGl);
  await watchLive(page);
  return page;
}

describe('when something is away', () => {
  it('the map alone: the page says so and the table has it all', async () => {
    const page = await blank();
    await page.goto(`${portal.url}/?lang=uk`);
    await page.waitForSelector('.map-failed');
    expect(await page.locator('#map').innerText()).toBe(CATALOGUES.uk['map.failed']);
    expect(await page.locator('#vehicles').count()).toBe(1);
  });

  it('a script comes long after the others: the page turns live all the same', async () => {
    const page = await blank();
    let late = 0;
    await page.route('**/hx-sse.min.js', async (route) => {
      late += 1;
      // When htmx has long been there and run.
      await page.waitForFunction(() => 'htmx' in window);
      await page.evaluate(() => new Promise((done) => setTimeout(done, 100)));
      await route.continue();
    });
    await page.goto(`${portal.url}/?lang=uk`);
    await untilLive(page);
    expect(late).toBe(1);
  });

  it('the first connection of the stream: the sign says so, and it is tried again', async () => {
    const page = await blank();
    let asked = 0;
    const { promise: seen, resolve: see } = Promise.withResolvers<void>();
    await page.route('**/events?**', async (route) => {
      asked += 1;
      if (asked === 1) await route.abort('connectionreset');
      else if (asked === 2)
        // No error, and no stream: the page of a network that wants to be greeted first.
        await route.fulfill({ status: 200, contentType: 'text/html', body: '<p>Welcome</p>' });
      else {
        // However late the test looks, the sign is still to be seen.
        await seen;
        await route.continue();
      }
    });
    await page.goto(`${portal.url}/?lang=uk`);
    await page.waitForSelector('.live-off');
    see();
    await untilLive(page);
    expect(asked).toBe(3);
    await page.waitForSelector('#live:not(.live-off)');
  });

  it('the portal: the sign says so, and turns live again by itself', async () => {
    const page = await blank();
    await page.goto(`${portal.url}/?lang=uk`);
    await untilLive(page);
    await portal.stop();
    await page.waitForSelector('.live-off');
    expect(await page.locator('#live').innerText()).toBe(CATALOGUES.uk['live.off']);
    portal = await start(new URL(portal.url).host);
    const tapId = await insertDecidedTap(admin, { seq: 1, concession: false, decidedAfterMs: 1000 });
    await admin.query("SELECT pg_notify('kvytok_decided', '1')");
    await page.waitForSelector('#live:not(.live-off)');
    await page.waitForSelector(`[data-tap="${tapId}/1"]`);
  });
});
