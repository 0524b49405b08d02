/** What the panel says of a ride's price, from Ternopil's own tariff and the card's log. */
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parserOf } from '#contracts/parse.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { TARIFF_EXTRACT_FILE, TariffExtract } from '#contracts/tariff-extract.ts';
import { createLogger } from '#platform/logger.ts';
import { createFareCalendar } from '#pricing/fare-day.ts';
import { INITIAL_STATE, type TapFact } from '#pricing/model.ts';
import { priceAccountDay } from '#pricing/price-account-day.ts';
import { type DeviceTariffs, extractTariffs, openExtract } from '#pricing/tariff-extract.ts';
import type { TariffTimeline } from '#pricing/tariff-timeline.ts';
import { tariffFile } from '../../../edge-agent/adapters/tariff-file.ts';
import { tagOf } from '../../../edge-agent/card-log.ts';
import type { CardFacts, CardLogEntry } from '../../../edge-agent/ports.ts';
import { renderView } from '../../../edge-agent/screen/render-view.ts';
import { openTariffBook } from '../../../edge-agent/tariff-book.ts';
import { farePreviewOf, type TouchSeen } from '../../../edge-agent/validator/fare-preview.ts';
import { previewOf } from '../../../edge-agent/validator/preview.ts';
import { loadTariffTimeline } from '../../../fare-engine/tariffs/load-tariff.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { CARD, startRig } from '../support/agent-rig.ts';

const DIR = join(import.meta.dirname, '../../../cities/ternopil/tariff');
const CITY = { zone: 'Europe/Kyiv', dayStart: '04:00' };
const MINUTE = 60_000;
/** 12:00 in Kyiv. */
const NOON = Date.UTC(2025, 9, 14, 9);
let timeline: TariffTimeline;
let extract: TariffExtract;
let tariffs: DeviceTariffs;
beforeAll(async () => {
  const loaded = await loadTariffTimeline(DIR);
  if (!loaded.ok) throw new Error('the tariffs do not load');
  timeline = loaded.timeline;
  extract = extractTariffs(timeline.packages, CITY);
  tariffs = openExtract(JSON.parse(JSON.stringify(extract)) as TariffExtract);
});

const ride = (minutesAgo: number, vehicle = 'bus-1', route = 'T2', more: Partial<CardLogEntry> = {}) => ({
  atMs: NOON - minutesAgo * MINUTE,
  vehicleTag: tagOf(vehicle),
  routeTag: tagOf(route),
  deviceTag: tagOf('val-9'),
  seq: 100 - minutesAgo,
  companions: 0,
  clockUnsure: false,
  ...more,
});
const touch = (card: Partial<CardFacts>, more: Partial<TouchSeen> = {}): TouchSeen => ({
  card: { ...CARD, ...card },
  where: { vehicleId: 'bus-12', routeId: 'T5' },
  deviceId: 'val-1',
  nowMs: NOON,
  clockUnsure: false,
  ...more,
});
const fare = (amountMinor: string, transfer = false) => ({ amountMinor, currency: 'UAH', transfer });
const free = (minutes: number) => ({ minutes, everywhere: true, free: true });

describe('what can be known of a ride', () => {
  it.each<[string, Partial<CardFacts>, Partial<TouchSeen>, object]>([
    ['a first ride by the social card', { log: [] }, {}, { fare: fare('1200'), transfer: free(30) }],
    [
      'by an anonymous one',
      { log: [], mediumKind: 'wallet' },
      {},
      { fare: fare('1400'), transfer: free(30) },
    ],
    ['a bank card has no log', { mediumKind: 'bank' }, {}, { fare: fare('1500'), transfer: 'unknown' }],
    [
      'a transfer, and what is left of it',
      { log: [ride(10)] },
      {},
      { fare: fare('0', true), transfer: free(20) },
    ],
    ['a minute that is not whole is not counted', { log: [ride(10.5)] }, {}, { transfer: free(19) }],
    ['its last minute', { log: [ride(30)] }, {}, { fare: fare('0', true) }],
    ['one minute later', { log: [ride(31)] }, {}, { fare: fare('1200'), transfer: free(30) }],
    [
      'two rides: from the first',
      { log: [ride(5, 'bus-2'), ride(20)] },
      {},
      { fare: fare('0', true), transfer: free(10) },
    ],
    [
      'the same vehicle is none',
      { log: [ride(10, 'bus-12', 'T5')] },
      {},
      { fare: fare('1200'), transfer: free(30) },
    ],
    ['yesterday is over', { log: [ride(60 * 30)] }, {}, { fare: fare('1200'), transfer: free(30) }],
    [
      'a route of the log that nobody knows',
      { log: [ride(10, 'bus-1', 'X')] },
      {},
      { fare: fare('1200'), transfer: 'unknown' },
    ],
    [
      'a log whose clock was not sure',
      { log: [ride(9, 'b', 'T2', { clockUnsure: true })] },
      {},
      { fare: fare('1200'), transfer: 'unknown' },
    ],
    ['a log from the future', { log: [ride(-1)] }, {}, { fare: fare('1200'), transfer: 'unknown' }],
    [
      'a repetition has no price of its own',
      { log: [] },
      { repeats: { elapsedMs: MINUTE } },
      { transfer: free(29) },
    ],
    ['no line', { log: [] }, { where: { vehicleId: 'bus-12' } }, { unknown: 'route' }],
    ['a line of no tariff', { log: [] }, { where: { routeId: 'X' } }, { unknown: 'route' }],
    ['an unsure clock', { log: [] }, { clockUnsure: true }, { unknown: 'clock' }],
    ['the tariff before', { log: [] }, { nowMs: Date.UTC(2023, 5, 1, 9) }, { fare: { currency: 'UAH' } }],
    ['after the last tariff', { log: [] }, { nowMs: Date.UTC(2026, 2, 23) }, { unknown: 'tariff' }],
  ])('%s', (_what, card, more, known) => {
    expect(farePreviewOf(tariffs, touch(card, more))).toMatchObject(known);
    if (!('transfer' in known) && !('unknown' in known) && more.nowMs === undefined)
      expect(farePreviewOf(tariffs, touch(card, more))).not.toHaveProperty('transfer');
  });

  it('a city that told no tariffs has none shown; a pass or rides left leave only the transfer', () => {
    expect(farePreviewOf(undefined, touch({}))).toBeUndefined();
    const known = farePreviewOf(tariffs, touch({ log: [] }));
    const city = { nowMs: NOON, zone: 'Europe/Kyiv', currency: 'UAH', ride: known };
    const product = { productId: '0011223344556677', validUntilMs: NOON + 1 };
    expect(previewOf({ ...CARD, product }, city)?.ride).toEqual({ transfer: free(30) });
    expect(previewOf({ ...CARD, hint: { asOfMs: 1, quotaLeft: 2 } }, city)?.ride).toEqual({
      transfer: free(30),
    });
    expect(previewOf({ ...CARD, hint: { asOfMs: 1, quotaLeft: 0 } }, city)?.ride).toEqual(known);
  });
});

describe('a tariff by areas', () => {
  /** One network; boarding in the centre costs more, and only from there a transfer is free. */
  const byArea = (): DeviceTariffs => {
    const one = extract.packages.at(-1) as (typeof extract.packages)[number];
    const [rule] = one.legRules.filter(({ networkId }) => networkId === 'municipal');
    const [full] = one.products.filter(({ mediaId }) => mediaId === 'social_card');
    if (!rule || !full) throw new Error('not the package it was');
    const legRules = ['centre', 'edge'].map((area) => ({
      ...rule,
      ruleId: area,
      fromAreaId: area,
      productId: area,
    }));
    const products = [
      { ...full, productId: 'centre', amountMinor: '2000' },
      { ...full, productId: 'edge', amountMinor: '1000' },
    ];
    const areasOfStop: [string, string[]][] = [
      ['c', ['centre']],
      ['e', ['edge']],
    ];
    return openExtract({ ...extract, packages: [{ ...one, legRules, products, areasOfStop }] });
  };
  const at = (stopId?: string, stopConfidencePct?: number) => ({
    where: {
      vehicleId: 'bus-12',
      routeId: 'T5',
      ...(stopId !== undefined && { stopId }),
      ...(stopConfidencePct !== undefined && { stopConfidencePct }),
    },
  });

  it.each<[string, Partial<TouchSeen>, object]>([
    ['at a sure stop', at('c', 100), { fare: fare('2000') }],
    ['at the cheapest area nothing hangs on the doubt', at('e', 60), { fare: fare('1000') }],
    ['at a stop that is not sure', at('c', 99), { unknown: 'stop' }],
    ['without a stop', at(), { unknown: 'stop' }],
  ])('%s', (_what, more, known) => {
    const seen = farePreviewOf(byArea(), touch({ log: [] }, more));
    expect(seen).toMatchObject(known);
    if (!('unknown' in known)) expect(seen?.transfer).toBe('unknown');
  });
});

it('an extract prices as its packages do, and has no category and no right in it', () => {
  const calendar = createFareCalendar(CITY.zone, CITY.dayStart);
  for (const { hash, validFromMs } of timeline.packages) {
    const taps = ['T2', 'T5', 'P18', 'T2'].map(
      (routeId, i): TapFact => ({
        tapId: `t${i}`,
        fareAtMs: validFromMs + 8 * 3_600_000 + i * 14 * MINUTE,
        uncertaintyMs: 0,
        mediumKind: i % 2 === 0 ? 'social' : 'wallet',
        direction: 'in',
        companions: 0,
        vehicleId: `v${i}`,
        carrierId: null,
        routeId,
        stopId: null,
      }),
    );
    const fareDay = calendar.fareDayOf(validFromMs + 8 * 3_600_000);
    const day = { accountId: 'a', fareDay, taps, entitlements: [], passes: [], knownAsOfMs: null };
    const amounts = (of: TariffTimeline) =>
      priceAccountDay(INITIAL_STATE, day, of, calendar).lines.map((line) => [
        line.kind,
        line.riderMinor,
        line.packageHash,
      ]);
    expect(amounts(tariffs.timeline)).toEqual(amounts(timeline));
    expect(tariffs.timeline.byHash(hash)).toBeDefined();
  }
  expect(parserOf(TariffExtract)(JSON.parse(JSON.stringify(extract))).ok).toBe(true);
  expect(JSON.stringify(extract)).not.toMatch(/pensioner|combatant|pupil/);
});

it('an extract is believed with a pinned signature, and without one a validator has no tariffs', () => {
  const folder = tempFolder('tariff-extract');
  const log = createLogger({ component: 'test', level: 'silent' });
  const city = generateKeyPairSync('ed25519');
  const keys = new Map([['lists-1', city.publicKey]]);
  try {
    const read = () => openTariffBook(tariffFile(folder.path), keys, log).current();
    expect(read()).toBeUndefined();
    const sealed = sealEnvelope('tariff-extract', extract, { keyId: 'lists-1', privateKey: city.privateKey });
    const put = (bytes: Uint8Array) => writeFileSync(join(folder.path, TARIFF_EXTRACT_FILE), bytes);
    put(sealed);
    expect(read()?.timeline.packages.map(({ hash }) => hash)).toEqual(
      timeline.packages.map(({ hash }) => hash),
    );
    put(Buffer.from(sealed.toString('utf8').replace('1200', '1100')));
    expect(read()).toBeUndefined();
    const { privateKey } = generateKeyPairSync('ed25519');
    put(sealEnvelope('tariff-extract', extract, { keyId: 'lists-1', privateKey }));
    expect(read()).toBeUndefined();
  } finally {
    folder.remove();
  }
});

it('an agent shows it after a green once it knows the time, and no price for a repetition', async () => {
  const rig = await startRig({ tariffs });
  const log: CardLogEntry[] = [];
  rig.agent.openShift({ vehicleId: 'bus-12', routeId: 'T5' });
  expect((await rig.touch({ ...CARD, log })).preview?.ride).toEqual({ unknown: 'clock' });
  rig.connect();
  const nonce = rig.healths.at(-1)?.timeNonce;
  const cityMs = rig.clock.nowMs();
  const told = { v: 1, commandId: randomUUID(), deviceId: 'val-1', kind: 'tell-time', nonce, cityMs };
  const times = { issuedAtMs: cityMs, expiresAtMs: cityMs + 1000 };
  rig.command(sealEnvelope('command', { ...told, ...times }, rig.city.ingest));
  const other = { ...CARD, tokenId: `k1.${'b'.repeat(32)}`, log };
  expect((await rig.touch(other)).preview?.ride).toEqual({ fare: fare('1200'), transfer: free(30) });
  rig.clock.advance(5000);
  expect((await rig.touch(other)).preview?.ride).toEqual({ transfer: free(29) });
});

it.each([
  ['uk', ['Повна ціна поїздки: 12,00 ₴', 'Безкоштовна пересадка ще: 30 хв']],
  ['en', ['Full fare: ₴12.00', 'Free transfer for: 30 min']],
] as const)('stands on the panel in words (%s)', (language, lines) => {
  const known = farePreviewOf(tariffs, touch({ log: [] }));
  const preview = { zone: 'Europe/Kyiv', ...(known && { ride: known }) };
  const view = { sign: 'accepted', language, online: true, atMs: 0, preview } as const;
  expect(renderView(view).lines.map((line) => line.replaceAll('\u00a0', ' '))).toEqual(lines);
  for (const unknown of ['route', 'stop', 'tariff', 'clock'] as const) {
    const said = renderView({ ...view, preview: { zone: 'UTC', ride: { unknown } } }).lines;
    expect(said[0]).not.toBe('');
  }
});
