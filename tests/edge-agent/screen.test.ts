/** The panel's page in a real browser. */
import { request } from 'node:http';
import { AxeBuilder } from '@axe-core/playwright';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { LANGUAGES, REFUSAL_CODES, reasonText } from '#contracts/reason-codes.ts';
import { openScreenServer, type ScreenServer } from '../../edge-agent/adapters/screen-server.ts';
import type { ScreenView } from '../../edge-agent/ports.ts';
import { renderView } from '../../edge-agent/screen/render-view.ts';
import { openBrowser } from '../pages/browser.ts';
import { until } from '../support/until.ts';

let browser: Browser;
beforeAll(async () => {
  browser = await openBrowser();
});
afterAll(() => browser?.close());

const VIEWS: ScreenView[] = [
  { sign: 'waiting', language: 'uk', online: true, atMs: 0 },
  { sign: 'accepted', language: 'en', online: true, atMs: 0, cardNo: 7 },
  { sign: 'accepted', language: 'de', online: false, repeated: true, atMs: 0 },
  { sign: 'refused', reason: 'CARD_DENIED', language: 'pl', online: true, atMs: 0 },
  { sign: 'out-of-order', reason: 'VALIDATOR_OUT_OF_ORDER', language: 'uk', online: false, atMs: 0 },
];

const MENU: ScreenView = {
  sign: 'staff',
  language: 'uk',
  online: false,
  atMs: 0,
  notices: ['journal-nearly-full', 'list-old'],
  listAgeMin: 134,
  menu: {
    shift: { routeId: 'T1', directionId: 0 },
    brokenDown: false,
    lines: Array.from({ length: 30 }, (_, n) => ({
      routeId: `T${n}`,
      directionId: 0,
      towards: `stop-${n}`,
      towardsNames: { own: `Зупинка ${n}`, de: `Halt ${n}` },
    })),
  },
};
const ASKING: ScreenView = {
  sign: 'accepted',
  repeated: true,
  asking: ['companion'],
  language: 'de',
  online: true,
  atMs: 1,
};

const BOTH: ScreenView = {
  ...ASKING,
  companions: 1,
  escorts: 1,
  bags: 2,
  added: 'bag',
  asking: ['escort', 'bag'],
  online: false,
  cardNo: 999,
};

describe('the words of the screen', () => {
  it.each(LANGUAGES)('every sign has a title and every refusal its sentence in %s', (language) => {
    for (const reason of REFUSAL_CODES) {
      const message = renderView({ sign: 'refused', reason, language, online: false, atMs: 0 });
      expect(message).toMatchObject({ language, text: reasonText(reason, language) });
      expect(message.title).not.toBe('');
      expect(message.offline).not.toBe('');
    }
    expect(renderView({ sign: 'accepted', language, online: true, atMs: 0 }).offline).toBe('');
  });

  it('a repetition says that the ride has been counted', () => {
    const view: ScreenView = { sign: 'accepted', repeated: true, language: 'en', online: true, atMs: 0 };
    expect(renderView(view).text).toContain('already');
  });
});

describe('what a driver reads', () => {
  it("a line by the name of its last stop: in the card's language, else the feed's own, else the id", () => {
    const line = { routeId: 'T2', directionId: 0 as const, towards: 's1' };
    const label = (language: ScreenView['language'], towardsNames?: { own: string; de?: string }) => {
      const lines = [{ ...line, ...(towardsNames && { towardsNames }) }];
      const menu = { shift: null, brokenDown: false, lines };
      return renderView({ ...MENU, language, menu }).keys.at(-1)?.label;
    };
    const names = { own: 'Центр', de: 'Zentrum' };
    expect([label('de', names), label('pl', names), label('de')]).toEqual([
      'T2 → Zentrum',
      'T2 → Центр',
      'T2 → s1',
    ]);
  });

  it.each<[number, ScreenView['language'], string]>([
    [0, 'en', 'Age of the deny list: 0 minutes'],
    [14, 'uk', 'Вік списку блокувань: 14 хвилин'],
    [119, 'de', 'Alter der Sperrliste: 119 Minuten'],
    [120, 'pl', 'Wiek listy blokad: 2 godziny'],
    [47 * 60 + 59, 'en', 'Age of the deny list: 47 hours'],
    [48 * 60, 'en', 'Age of the deny list: 2 days'],
  ])('a list of %i minutes in %s is said in plain words', (listAgeMin, language, text) => {
    const { notices: _, ...view } = MENU;
    expect(renderView({ ...view, language, listAgeMin }).lines).toEqual([text]);
    const old = renderView({ ...view, language, listAgeMin, notices: ['list-old'] });
    expect(old.notices).toEqual([expect.stringContaining(text)]);
    expect(old.lines).toEqual([]);
  });
});

describe('the page in Chromium', () => {
  let screen: ScreenServer;
  let page: Page;
  const errors: string[] = [];

  beforeEach(async () => {
    screen = await openScreenServer(0);
    const context = await browser.newContext({ viewport: { width: 800, height: 480 } });
    page = await context.newPage();
    errors.length = 0;
    page.on('pageerror', (error) => void errors.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text());
    });
  });
  afterEach(async () => {
    await page.context().close();
    await screen.stop();
  });

  it('follows every view: sign, words, language, offline mark, with no script error under its CSP', async () => {
    await page.goto(screen.url);
    for (const view of VIEWS) {
      screen.show(view);
      const message = renderView(view);
      await page.waitForSelector(`body[data-sign="${view.sign}"]`);
      await page.waitForFunction(
        `document.getElementById('text').textContent === ${JSON.stringify(message.text)}`,
      );
      expect(await page.textContent('#title')).toBe(message.title);
      expect(await page.getAttribute('html', 'lang')).toBe(view.language);
      expect(await page.isVisible('#offline')).toBe(!view.online);
      expect(await page.isVisible(`.shape.${view.sign}`)).toBe(true);
      expect(await page.locator('.shape:visible').count()).toBe(1);
    }
    expect(errors).toEqual([]);
  });

  it.each(VIEWS)('axe finds nothing wrong with $sign in $language (online: $online)', async (view) => {
    screen.show(view);
    await page.goto(screen.url);
    await page.waitForSelector(`body[data-sign="${view.sign}"]`);
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
      .analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
  });

  it('fits the panel without scrolling, also with the longest sentence', async () => {
    for (const language of LANGUAGES) {
      screen.show({ sign: 'refused', reason: 'VALIDATOR_OUT_OF_ORDER', language, online: false, atMs: 0 });
      await page.goto(screen.url);
      const fits = await page.evaluate(
        'document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth',
      );
      expect([language, fits]).toEqual([language, true]);
    }
  });

  it('fits the panel also with all that can be known of a card, in every language', async () => {
    const fare = { amountMinor: '1200', currency: 'UAH', transfer: false };
    const balance = { amountMinor: '-2350', currency: 'UAH' };
    const hint = { asOfMs: Date.UTC(2025, 9, 1), quotaLeft: 3, balance };
    for (const language of LANGUAGES) {
      const ride = { fare, transfer: 'unknown' as const };
      const preview = { zone: 'Europe/Kyiv', ride, passUntilMs: Date.UTC(2026, 0, 1), hint };
      screen.show({ sign: 'accepted', language, online: false, atMs: 0, cardNo: 999, preview });
      await page.goto(screen.url);
      await page.waitForSelector('#lines li >> nth=4');
      const height = await page.evaluate('document.documentElement.scrollHeight');
      expect([language, height]).toEqual([language, 480]);
    }
  });

  it('says out of order when the agent is gone, and comes back with it', async () => {
    screen.show({ sign: 'accepted', language: 'en', online: true, atMs: 0 });
    await page.goto(screen.url);
    const port = Number(new URL(screen.url).port);
    await screen.stop();
    await page.waitForSelector('body[data-sign="out-of-order"]');
    expect(await page.textContent('#text')).toBe(reasonText('VALIDATOR_OUT_OF_ORDER', 'en'));
    screen = await openScreenServer(port);
    await page.waitForSelector('body[data-sign="waiting"]');
  });

  it('two equal answers in a row differ for ear, eye and screen reader; the same one sent anew does not', async () => {
    await page.goto(screen.url);
    await page.waitForSelector('body[data-sign="waiting"]');
    expect(await page.getAttribute('[role=status]', 'aria-live')).toBe('assertive');
    const answer = (cardNo: number): ScreenView => ({ ...(VIEWS[1] as ScreenView), cardNo });
    const seen = async (cardNo: number) => {
      await page.waitForSelector(`#card:text-is("Card no. ${cardNo}")`);
      return {
        beat: await page.getAttribute('body', 'data-beat'),
        said: await page.textContent('[role=status]'),
        blinks: await page.evaluate("getComputedStyle(document.querySelector('.sign')).animationName"),
      };
    };
    screen.show(answer(1));
    const first = await seen(1);
    screen.show(answer(2));
    const second = await seen(2);
    screen.show({ ...answer(2), online: false });
    await page.waitForSelector('#offline:visible');
    expect(await seen(2)).toEqual(second);
    expect(second.beat).not.toBe(first.beat);
    expect(second.said).not.toBe(first.said);
    expect([first.blinks, second.blinks]).toEqual(['blink-a', 'blink-b']);
    await page.emulateMedia({ reducedMotion: 'reduce' });
    expect((await seen(2)).blinks).toBe('none');
    const ground = (number: number) => {
      screen.show(answer(number));
      return seen(number).then(() =>
        page.evaluate("getComputedStyle(document.getElementById('card')).backgroundColor"),
      );
    };
    expect(await ground(3)).not.toBe(await ground(4));
  });
});

describe('the keys of the panel', () => {
  let page: Page;
  let screen: ScreenServer;
  const pressed: object[] = [];
  beforeAll(async () => {
    page = await (await browser.newContext({ viewport: { width: 800, height: 480 } })).newPage();
  });
  afterAll(() => page?.context().close());
  beforeEach(async () => {
    pressed.length = 0;
    screen = await openScreenServer(0, (press) => void pressed.push(press));
    await page.goto(screen.url);
  });
  afterEach(() => screen.stop());
  const show = async (view: ScreenView, sign: string) => {
    screen.show(view);
    await page.waitForSelector(`body[data-sign="${sign}"]`);
  };

  it.each([
    ['a question', ASKING, 'asking'],
    ['a question with a third key', BOTH, 'asking'],
    ['a menu', MENU, 'staff'],
  ])('axe finds nothing wrong with %s, and it fits the panel', async (_what, view, sign) => {
    await show(view, sign);
    const { violations } = await new AxeBuilder({ page })
      .withTags(['wcag2a', 'wcag2aa', 'wcag22aa'])
      .analyze();
    expect(violations.map(({ id, nodes }) => [id, nodes.map((node) => node.html)])).toEqual([]);
    const fits =
      'document.documentElement.scrollHeight <= innerHeight && document.documentElement.scrollWidth <= innerWidth';
    expect(await page.evaluate(fits)).toBe(true);
    const heights = await page
      .locator('#keys .key')
      .evaluateAll((keys) => keys.map((key) => key.clientHeight));
    expect(Math.min(...heights)).toBeGreaterThanOrEqual(56);
  });

  it('a companion is paid for by touch and by key, each with a sound of its own', async () => {
    // What the page hears first only repeats what stands there: it has no sound.
    await show({ sign: 'out-of-order', language: 'uk', online: true, atMs: 0 }, 'out-of-order');
    await show(ASKING, 'asking');
    expect(await page.getAttribute('body', 'data-sounded')).toBe('asking');
    await page.click('#keys .main');
    await page.keyboard.press('Enter'); // the first key has the focus
    await page.keyboard.press('-');
    await until(() => pressed.length === 3);
    expect(pressed).toEqual([{ press: 'companion' }, { press: 'companion' }, { press: 'enough' }]);
  });

  it('a bag has a key of its own: by touch, by Tab, by *, with a sound and shapes of its own', async () => {
    await show({ sign: 'out-of-order', language: 'uk', online: true, atMs: 0 }, 'out-of-order');
    for (const language of LANGUAGES) {
      for (const view of [{ ...ASKING, asking: ['escort'] as const, cardNo: 999, online: false }, BOTH]) {
        await show({ ...view, language, atMs: LANGUAGES.indexOf(language) }, 'asking');
        const keys = (view.asking?.length ?? 0) + 1;
        await page.waitForFunction(`document.querySelectorAll('#keys button').length === ${keys}`);
        await page.waitForSelector(`html[lang="${language}"]`);
        const size = '[document.documentElement.scrollHeight, document.documentElement.scrollWidth]';
        expect([language, await page.evaluate(size)]).toEqual([language, [480, 800]]);
      }
    }
    expect(await page.getAttribute('body', 'data-sounded')).toBe('bag');
    expect(await page.locator('#marks .mark').count()).toBe(4);
    expect(await page.locator('#keys .key .mark').count()).toBe(2);
    await page.getByRole('button', { name: 'Bagaż', exact: true }).click();
    await page.locator('#keys .main').focus();
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.keyboard.press('*');
    await page.keyboard.press('+');
    await page.keyboard.press('Escape');
    await until(() => pressed.length === 5);
    expect(pressed.map((press) => (press as { press: string }).press)).toEqual([
      'bag',
      'bag',
      'bag',
      'companion',
      'enough',
    ]);
  });

  it('a driver picks a line; a breakdown is asked for twice; warnings stand at the top', async () => {
    await show(MENU, 'staff');
    expect(await page.locator('#notices li').allTextContents()).toHaveLength(2);
    await page.getByRole('button', { name: 'T7 → Зупинка 7' }).click();
    await page.click('#keys .grave');
    await page.click('#keys .grave');
    await until(() => pressed.length === 2);
    expect(pressed).toEqual([{ press: 'open-shift', routeId: 'T7', directionId: 0 }, { press: 'breakdown' }]);
  });

  it('the language is asked for in the next language', async () => {
    await show({ sign: 'waiting', language: 'uk', online: true, atMs: 0 }, 'waiting');
    await page.getByRole('button', { name: 'English' }).click();
    await until(() => pressed.length === 1);
    expect(pressed).toEqual([{ press: 'language' }]);
  });

  it('takes no command that is none', async () => {
    const status = (body: string) =>
      page.evaluate(
        async (text) =>
          (
            await fetch('/act', {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: text,
            })
          ).status,
        body,
      );
    expect(await status('{"press":"open-shift","routeId":"T1"}')).toBe(400);
    expect(await status('{"press":"format-disk"}')).toBe(400);
    expect(await status('{"press":"leave"}')).toBe(200);
    expect(pressed).toEqual([{ press: 'leave' }]);
  });
});

describe('the door of the page', () => {
  it('answers local names only, GET only, and nothing outside its own files', async () => {
    const screen = await openScreenServer(0);
    try {
      const { port } = new URL(screen.url);
      const ask = (path: string, method = 'GET', host = `127.0.0.1:${port}`) =>
        new Promise<number>((resolve, reject) => {
          const asked = request({ port, path, method, headers: { host } }, (response) => {
            response.resume();
            resolve(response.statusCode ?? 0);
          });
          asked.on('error', reject).end();
        });
      expect(await ask('/')).toBe(200);
      expect(await ask('/screen.js')).toBe(200);
      expect(await ask('/', 'GET', 'rebound.example')).toBe(403);
      expect(await ask('/', 'POST')).toBe(405);
      expect(await ask('/../../package.json')).toBe(404);
      expect(await ask('/device-key.pem')).toBe(404);
    } finally {
      await screen.stop();
    }
  });
});
