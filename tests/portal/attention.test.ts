import { describe, expect, it } from 'vitest';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { readCityFolder } from '../../portal/adapters/city-folder.ts';
import { ATTENTION_LIMITS, findAttention, SUBJECTS_MAX } from '../../portal/attention.ts';
import { ATTENTION_CODES, type CountsWire, type DeviceWire } from '../../portal/schemas.ts';
import { attentionList } from '../../portal/views/attention.ts';
import { CATALOGUES, createWording } from '../../portal/wording.ts';
import { aCity } from './support/a-city.ts';

const NOW_MS = 1_700_000_000_000;
const { names } = await readCityFolder('cities/ternopil');
const aWording = (language: Language) => createWording(language, names);
const FINE: CountsWire = {
  records: 10,
  taps: 10,
  decidedTaps: 10,
  inbox: 0,
  queue: 0,
  quarantined: 0,
  commandsWaiting: 0,
  commandsRefused: 0,
  stuck: 0,
  reconciled: true,
};

function aDevice(own: Partial<DeviceWire> = {}): DeviceWire {
  return {
    deviceId: 'val-1',
    state: 'online',
    lastSeenMs: NOW_MS,
    reportedAtMs: NOW_MS,
    vehicleId: null,
    reader: 'ready',
    readerRecoveries: 0,
    journalUnreceipted: 0,
    journalCapacity: 1000,
    denyListVersion: '1.1',
    denyListAgeMs: 0,
    clockSyncAgeMs: 0,
    clockOffsetMs: 0,
    tariffVersion: 7,
    accepted: 0,
    refused: 0,
    latencyMsMax: 1,
    records: 0,
    gaps: 0,
    unlinked: 0,
    forks: 0,
    ...own,
  };
}

type City = Parameters<typeof aCity>[0];
type Alarms = Pick<Parameters<typeof findAttention>[0], 'journals' | 'backup' | 'tariffExtract'>;

const find = (city: City, alarms: Partial<Alarms> = {}) =>
  findAttention(
    {
      ...aCity({ nowMs: NOW_MS, counts: FINE, ...city }),
      journals: [],
      backup: null,
      tariffExtract: null,
      ...alarms,
    },
    ATTENTION_LIMITS,
  );
const codes = (city: City, alarms?: Partial<Alarms>) => find(city, alarms).map(({ code }) => code);
const ofDevice = (own: Partial<DeviceWire>) => codes({ devices: [aDevice(own)] });

describe('what needs a person', () => {
  it('is nothing in a city that works', () => {
    expect(ofDevice({})).toEqual([]);
  });

  it.each([
    ['a journal at 79.9 % of its room', { journalUnreceipted: 799 }, []],
    ['a journal at 80 % of its room', { journalUnreceipted: 800 }, ['JOURNAL_NEARLY_FULL']],
    ['a device silent for 599.999 s', { state: 'offline', lastSeenMs: NOW_MS - 599_999 }, []],
    ['a device silent for 600 s', { state: 'offline', lastSeenMs: NOW_MS - 600_000 }, ['VALIDATOR_SILENT']],
    ['a planned device never heard of', { state: 'offline', lastSeenMs: null, reportedAtMs: null }, []],
    ['a device that said it stops', { state: 'off', lastSeenMs: NOW_MS - 10 ** 9 }, []],
    ['a reader that reads nothing', { state: 'out-of-order' }, ['READER_NOT_READY']],
    ['a gap', { gaps: 1 }, ['RECORDS_MISSING']],
    ['a deny list of an hour less a millisecond', { denyListAgeMs: 3_599_999 }, []],
    ['a deny list of an hour', { denyListAgeMs: 3_600_000 }, ['DENY_LIST_OLD']],
    [
      'a deny list that has grown old since the report',
      { denyListAgeMs: 3_500_000, reportedAtMs: NOW_MS - 100_000 },
      ['DENY_LIST_OLD'],
    ],
    ['no deny list at all', { denyListAgeMs: null }, ['DENY_LIST_OLD']],
    ['an old list on a device that does not speak', { state: 'off', denyListAgeMs: 10 ** 8 }, []],
    ['a clock alone for a day less a millisecond', { clockSyncAgeMs: 86_399_999 }, []],
    ['a clock alone for a day', { clockSyncAgeMs: 86_400_000 }, ['CLOCK_ALONE']],
  ] as const)('%s', (_name, own, expected) => {
    expect(ofDevice(own as Partial<DeviceWire>)).toEqual(expected);
  });

  it.each([
    ['books that differ', { ...FINE, reconciled: false }, ['BOOKS_DIFFER']],
    ['rows that are stuck', { ...FINE, stuck: 1 }, ['ROWS_STUCK']],
    ['a backlog of 19,999 rows', { ...FINE, inbox: 10_000, queue: 9_999 }, []],
    ['a backlog of 20,000 rows', { ...FINE, inbox: 10_000, queue: 10_000 }, ['BACKLOG']],
    ['no counts yet', null, []],
  ] as const)('%s', (_name, counts, expected) => {
    expect(codes({ counts, devices: [] })).toEqual(expected);
  });

  it('says since when the database is silent and when something was last set aside', () => {
    const found = find({
      staleSinceMs: NOW_MS - 5000,
      quarantine: [
        { reason: 'INGEST_CONFLICT', items: 2, lastAtMs: NOW_MS - 9 },
        { reason: 'INGEST_MALFORMED', items: 3, lastAtMs: NOW_MS - 4 },
      ],
    });
    expect(found).toEqual([
      { code: 'DATABASE_SILENT', severity: 'alarm', count: 0, subjects: [], sinceMs: NOW_MS - 5000 },
      { code: 'QUARANTINE', severity: 'warning', count: 5, subjects: [], sinceMs: NOW_MS - 4 },
    ]);
  });

  it('names devices that live twice, once each, apart from journals that were lost', () => {
    const journals = [
      { deviceId: 'val-9', kind: 'live-together', noticedAtMs: NOW_MS - 8 },
      { deviceId: 'val-9', kind: 'two-boots', noticedAtMs: NOW_MS - 3 },
      { deviceId: 'val-2', kind: 'lost', noticedAtMs: null },
      { deviceId: 'val-5', kind: 'same-number', noticedAtMs: NOW_MS },
      { deviceId: 'val-7', kind: 'code-used-again', noticedAtMs: NOW_MS - 1 },
    ];
    expect(find({}, { journals })).toEqual([
      { code: 'DEVICE_LIVES_TWICE', severity: 'alarm', count: 1, subjects: ['val-9'], sinceMs: NOW_MS - 3 },
      { code: 'KEY_IN_FOREIGN_HANDS', severity: 'alarm', count: 1, subjects: ['val-7'], sinceMs: NOW_MS - 1 },
      { code: 'JOURNAL_LOST', severity: 'alarm', count: 1, subjects: ['val-2'], sinceMs: 0 },
      { code: 'JOURNAL_FORKED', severity: 'alarm', count: 1, subjects: ['val-5'], sinceMs: NOW_MS },
    ]);
  });

  it.each([
    [7 * 86_400_000 - 1, ['JOURNAL_FORKED', 'QUARANTINE']],
    [7 * 86_400_000, []],
  ])('asks about signs that are %d ms old: %j', (ageMs, expected) => {
    const journals = [{ deviceId: 'val-5', kind: 'outlived', noticedAtMs: NOW_MS - ageMs }];
    const quarantine = [{ reason: 'INGEST_CONFLICT', items: 2, lastAtMs: NOW_MS - ageMs }];
    expect(codes({ quarantine }, { journals })).toEqual(expected);
  });

  it.each([
    ['none', null, []],
    ['running', NOW_MS - 3_599_999, []],
    ['running', NOW_MS - 3_600_000, ['BACKUP_OLD']],
    ['running', null, []],
    ['failing', NOW_MS, ['BACKUP_OLD']],
    ['none', NOW_MS - 10 ** 9, []],
  ] as const)('a backup that is %s, with its watermark at %s: %j', (state, watermarkMs, expected) => {
    expect(codes({}, { backup: { state, watermarkMs } })).toEqual(expected);
  });

  it.each([
    ['everybody has it', { tariffVersion: 8 }, 0, []],
    ['one lacks it within the time it may take', {}, 1, []],
    ['one lacks it before it begins', {}, 0, ['TARIFF_NOT_EVERYWHERE']],
    ['one has none', { tariffVersion: null }, 0, ['TARIFF_NOT_EVERYWHERE']],
    ['one was put away', { state: 'off' }, 0, []],
    ['one was never heard of', { reportedAtMs: null }, 0, []],
  ] as const)('a new tariff: %s', (_name, own, youngerMs, expected) => {
    const madeAtMs = NOW_MS - 900_000 + youngerMs;
    const devices = [aDevice(own as Partial<DeviceWire>)];
    const of = (newestFromMs: number) =>
      find({ devices }, { tariffExtract: { version: 8, madeAtMs, newestFromMs } });
    expect(of(NOW_MS + 1).map(({ code }) => code)).toEqual(expected);
    const late = of(NOW_MS).map(({ code, severity, subjects }) => [code, severity, subjects]);
    expect(late).toEqual(expected.map(() => ['TARIFF_MISSED', 'alarm', ['val-1']]));
  });

  it('puts alarms first, counts every device and names a bounded number', () => {
    const devices = Array.from({ length: 40 }, (_, n) =>
      aDevice({ deviceId: `val-${n}`, gaps: 1, ...(n === 7 && { state: 'out-of-order' }) }),
    );
    const found = find({ devices });
    expect(found.map(({ code, count, subjects }) => [code, count, subjects.length])).toEqual([
      ['READER_NOT_READY', 1, 1],
      ['RECORDS_MISSING', 40, SUBJECTS_MAX],
    ]);
    expect(found[0]?.subjects).toEqual(['val-7']);
  });
});

describe('the list on the page', () => {
  it.each(LANGUAGES)('has a sentence and an advice for every code in %s', (language) => {
    for (const code of ATTENTION_CODES) {
      const attention = [
        { code, severity: 'alarm' as const, count: 3, subjects: ['val-1', 'val-2'], sinceMs: NOW_MS },
      ];
      const text = attentionList(aCity({ attention }), aWording(language));
      expect(text).toContain(CATALOGUES[language][`attention.${code}.do`].slice(0, 20));
      expect(text).not.toMatch(/\{\w+\}/);
      expect(text).toContain('val-2');
    }
  });

  it('escapes what devices call themselves', () => {
    const attention = [
      {
        code: 'RECORDS_MISSING' as const,
        severity: 'warning' as const,
        count: 1,
        subjects: ['<b>x'],
        sinceMs: null,
      },
    ];
    expect(attentionList(aCity({ attention }), aWording('en'))).toContain('&#60;b&#62;x');
  });

  it('is one calm sentence when there is nothing', () => {
    expect(attentionList(aCity({ attention: [] }), aWording('uk'))).toContain('Нічого: усе працює');
  });
});
