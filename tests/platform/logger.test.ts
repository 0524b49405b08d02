import { expect, test } from 'vitest';
import { describeError, OperatorError, systemCode } from '#platform/errors.ts';
import { createLogger, withoutCredentials } from '#platform/logger.ts';

function collect(pretty: boolean): { lines: string[]; log: ReturnType<typeof createLogger> } {
  const lines: string[] = [];
  const log = createLogger({
    component: 'ingest',
    pretty,
    level: 'debug',
    write: (line) => lines.push(line),
  });
  return { lines, log };
}

test('piped, each event is one JSON line with its component', () => {
  const { lines, log } = collect(false);
  log.info({ records: 3 }, 'ingest.batch.accepted');
  expect(lines).toHaveLength(1);
  expect(JSON.parse(lines[0] as string)).toMatchObject({
    component: 'ingest',
    msg: 'ingest.batch.accepted',
    records: 3,
  });
});

test('on a terminal, each event is one readable line', () => {
  const { lines, log } = collect(true);
  log.warn({ records: 3, device: 'val-101' }, 'ingest.batch.late');
  expect(lines).toEqual([
    expect.stringMatching(/^\d\d:\d\d:\d\d ! ingest +ingest\.batch\.late {2}records=3 {2}device=val-101\n$/),
  ]);
});

test.each([true, false])('secrets do not get through, pretty = %s', (pretty) => {
  const { lines, log } = collect(pretty);
  log.info(
    {
      secret: 'zebra',
      config: { password: 'zebra', tokenKey: 'zebra' },
      url: 'mqtt://u:zebra@h:1/x?k=zebra',
    },
    'a.b',
  );
  expect(lines.join('')).not.toContain('zebra');
  expect(lines.join('')).toContain('mqtt://h:1/x');
});

test('an address that is none is not shown at all', () => {
  expect(withoutCredentials('u:zebra@h')).toBe('[not an address]');
});

test('an error for operators is three sentences, a bug is a stack', () => {
  const error = new OperatorError({
    code: 'DISK_FULL',
    happened: 'It is full.',
    kept: 'All.',
    todo: 'Free some.',
  });
  expect(describeError(error)).toBe('error: It is full.  [DISK_FULL]\n  kept: All.\n  do:   Free some.');
  expect(error.message).toBe('DISK_FULL: It is full. All. Free some.');
  expect(describeError(new TypeError('oops'))).toMatch(/^TypeError: oops\n {4}at /);
  expect(describeError('text')).toBe('text');
  expect(systemCode(Object.assign(new Error('x'), { code: 'ENOSPC' }))).toBe('ENOSPC');
  expect(systemCode(null)).toBeUndefined();
});
