import { chmodSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { DEFAULT_CARD_MEDIA, parseCardMedia } from '#contracts/card-media.ts';
import { openCityKeys } from '../../../cli/city/city-keys.ts';
import { enrolDevice } from '../../../cli/city/enrol-devices.ts';
import { loadMedia } from '../../../edge-agent/adapters/load-media.ts';

const root = mkdtempSync(join(tmpdir(), 'kvytok-media-'));
const policy = {
  passBackS: 120,
  mediumKinds: ['social'],
  journalRecordsMax: 100,
  zone: 'Europe/Kyiv',
} as const;
const context = { keys: openCityKeys(join(root, 'keys')), policy, mqttUrl: 'mqtt://127.0.0.1:1' };
const { folder: enrolled } = enrolDevice(root, { deviceId: 'val-1' }, context);
let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(root, 'device-'));
  cpSync(enrolled, folder, { recursive: true });
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

const names = () => loadMedia(folder).map(({ name }) => name);
const put = (name: string, content: unknown, mode = 0o600) => {
  writeFileSync(join(folder, name), typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(join(folder, name), mode);
};

const STRANGER = {
  kind: 'stranger-desfire',
  name: 'lviv',
  select: { aid: '010203' },
  proof: { keyNo: 1, key: 'lviv-read' },
  file: { no: 1, mode: 'full', offset: 0, bytes: 16 },
  number: { offset: 0, bytes: 8 },
  as: 'passenger',
  mediumKind: 'wallet',
  language: 'uk',
};

describe('the list of media', () => {
  test('without a file it is the default, DESFire first', () => {
    expect(names().slice(0, 2)).toEqual(['kvytok-desfire', 'kvytok-plain']);
    expect(names()).toHaveLength(3);
    expect(parseCardMedia(DEFAULT_CARD_MEDIA)).toEqual({ ok: true, value: DEFAULT_CARD_MEDIA });
  });
  test('it comes with the device’s enrolment and is kept in its order', () => {
    const cardMedia = {
      v: 1,
      media: [{ kind: 'kvytok-plain' }, { kind: 'kvytok-desfire', ev1: true }],
    } as const;
    const device = enrolDevice(
      root,
      { deviceId: 'val-2' },
      { ...context, cardMedia: structuredClone(cardMedia) as never },
    );
    folder = device.folder;
    expect(names()).toEqual(['kvytok-plain', 'kvytok-desfire']);
  });
  test.each([
    ['nothing', { v: 1, media: [] }, /card-media\.json\/media/],
    ['a kind that nobody reads', { v: 1, media: [{ kind: 'magic' }] }, /card-media\.json\/media\/0/],
    [
      'bare numbers not called so',
      { v: 1, media: [{ kind: 'uid-only', uidBytes: [7] }] },
      /card-media\.json\/media\/0/,
    ],
    [
      'a stranger of the name that stands for bare numbers',
      { v: 1, media: [{ ...STRANGER, name: 'uid' }] },
      /card-media\.json\/media\/0/,
    ],
    [
      'two strangers of one name',
      { v: 1, media: [STRANGER, { ...STRANGER, select: { aid: '040506' } }] },
      /card-media\.json\/media\/1\/name: lviv is there twice/,
    ],
    ['text', 'nonsense', /card-media\.json.*not JSON/],
  ])('%s is refused with its place', (_what, content, message) => {
    put('card-media.json', content);
    expect(() => loadMedia(folder)).toThrow(message);
  });
});

test('a stranger may never have set the version of its keys; on our own cards such a key is nobody’s secret', () => {
  put('card-media.json', { v: 1, media: [STRANGER] });
  put('card-keys.json', { v: 1, cards: { 'lviv-read': { 0: 'aa'.repeat(16) } } });
  expect(names()).toEqual(['lviv']);
  put('card-keys.json', { v: 1, cards: { 'desfire-read': { 0: 'aa'.repeat(16) } } });
  expect(() => loadMedia(folder)).toThrow(/desfire-read: version 0/);
});

describe('keys in a file', () => {
  test.each([0o640, 0o604])('that others can read (%i) are refused', (mode) => {
    put('card-keys.json', { v: 1, cards: { 'desfire-read': { 1: 'aa'.repeat(16) } } }, mode);
    expect(() => loadMedia(folder)).toThrow(/card-keys\.json can be read by others/);
  });
  test.each([
    ['of three versions', { 1: 'aa'.repeat(16), 2: 'bb'.repeat(16), 3: 'cc'.repeat(16) }],
    ['of version 0', { 0: 'aa'.repeat(16) }],
    ['of version 256', { 256: 'aa'.repeat(16) }],
    ['of 15 bytes', { 1: 'aa'.repeat(15) }],
  ])('%s are refused, and not quoted', (_what, versions) => {
    put('card-keys.json', { v: 1, cards: { 'desfire-read': versions } });
    expect(() => loadMedia(folder)).toThrow(/card-keys\.json\/cards/);
    expect(() => loadMedia(folder)).not.toThrow(/aaaa/);
  });
});

describe('where the card keys are', () => {
  const SAM = { v: 1, kind: 'sam', slot: 'SAM 1', entries: { 'desfire-read': { entry: 16, versions: [4] } } };

  test('is said by the folder: a SAM’s slot is opened, and asked when a card needs it', () => {
    put('key-store.json', { ...SAM, atr: '3b00' });
    put('card-keys.json', { v: 1, tokens: { 'pan-token': { 1: 'aa'.repeat(16) } } });
    const places: unknown[] = [];
    const media = loadMedia(folder, Date.now, (place) => {
      places.push(place);
      return { transmit: async () => new Uint8Array(0) };
    });
    expect(media).toHaveLength(3);
    expect(places).toEqual([{ slot: 'SAM 1', atr: Buffer.of(0x3b, 0x00) }]);
    put('key-store.json', { v: 1, kind: 'software' });
    expect(names()).toHaveLength(3);
  });
  test.each([
    ['a kind that nobody knows', { v: 1, kind: 'vault' }, /key-store\.json/],
    ['no entry', { ...SAM, entries: {} }, /key-store\.json/],
    [
      'an entry that no SAM has',
      { ...SAM, entries: { x: { entry: 128, versions: [1] } } },
      /key-store\.json/,
    ],
    ['text', 'nonsense', /key-store\.json/],
    ['a SAM where there are no slots', SAM, /this reader has no slots/],
  ])('%s is refused', (_what, content, message) => {
    put('key-store.json', content);
    expect(() => loadMedia(folder)).toThrow(message);
  });
  test('card keys in software beside a SAM are refused', () => {
    put('key-store.json', SAM);
    put('card-keys.json', { v: 1, cards: { 'desfire-read': { 4: 'aa'.repeat(16) } } });
    expect(() => loadMedia(folder, Date.now, () => ({ transmit: async () => new Uint8Array(0) }))).toThrow(
      /card-keys\.json holds some/,
    );
  });
});
