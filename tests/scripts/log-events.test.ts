import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allLogCalls, logCallsIn, logEventsText } from '../../scripts/log-events.ts';
import { ROOT } from '../tidy/project-files.ts';

const calls = allLogCalls();
const found = (text: string) =>
  logCallsIn('x.ts', text).map(({ level, event, says }) => [level, event, says]);

describe('docs/LOG-EVENTS.md', () => {
  it('lists every event of the sources (node scripts/log-events.ts writes it)', () => {
    expect(readFileSync(join(ROOT, 'docs/LOG-EVENTS.md'), 'utf8')).toBe(logEventsText(calls));
  });

  it('has a name for everything that is logged', () => {
    const nameless = calls.filter(({ event }) => event === undefined);
    expect(nameless.map(({ path, line }) => `${path}:${line}`)).toEqual([]);
    expect(calls.length).toBeGreaterThan(100);
  });
});

describe('the reading of log calls', () => {
  it.each([
    ["log.info('a.b')", [['info', 'a.b', '']]],
    ["deps.log.warn({ x: f(1) }, 'a.b-c: and why')", [['warn', 'a.b-c', 'and why']]],
    ["this.#log.error({ err },\n  'a.b.c: one line'\n)", [['error', 'a.b.c', 'one line']]],
    ["log[ok ? 'info' : 'error'](fields, 'a.b')", [['info or error', 'a.b', '']]],
    ["this.#log[level]({ tries }, 'a.b')", [['as it deserves', 'a.b', '']]],
    ['log.debug({ x }, `a.b: ${x} of y`)', [['debug', 'a.b', '… of y']]],
    ["log.info('no event here')", [['info', undefined, '']]],
    ['log.error({ x }, why)', [['error', undefined, '']]],
    ["console.log('x'); const child = log.child({ component: 'a.b' });", []],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual(expected);
  });
});
