import { describe, expect, it } from 'vitest';
import type { PriceStep } from '#pricing/model.ts';
import { packageNames } from '#pricing/name-book.ts';
import { STEP_LANGUAGES, stepText } from '#pricing/step-text.ts';
import {
  BREAKDOWN,
  entitlement,
  PACKAGE,
  packageOf,
  priceDay,
  tap,
  timelineOf,
} from '../../support/tariff.ts';

const tariff = packageOf();
const names = packageNames(tariff);
const tariffs = timelineOf(tariff);
const T0 = Date.parse('2026-03-02T08:00:00+02:00');
const text = (step: PriceStep | undefined, language: (typeof STEP_LANGUAGES)[number]) =>
  stepText(step as PriceStep, { language, currency: 'UAH', names }).replaceAll('\u00a0', ' ');

describe('the sentence of a step', () => {
  it('says in four languages why a ride is free', () => {
    const [line] = priceDay(tariffs, [tap(T0)], { entitlements: [entitlement('pensioner')] }).lines;
    const step = line?.steps[1];
    expect(text(step, 'uk')).toBe('Безкоштовно: пенсіонер, постанова КМУ 354');
    expect(text(step, 'en')).toBe('Free: pensioner, Cabinet resolution 354');
    expect(text(step, 'de')).toBe('Kostenlos: Rentner, Kabinettsbeschluss 354');
    expect(text(step, 'pl')).toBe('Bezpłatnie: emeryt, uchwała Rady Ministrów 354');
    expect(text(line?.steps[0], 'uk')).toBe('Вартість поїздки 12,00 ₴: Соціальна карта, Order 1 uk');
  });

  it('names both prices of a part concession, and the minutes of a transfer', () => {
    const pupil = priceDay(tariffs, [tap(T0, { routeId: 'P1' })], {
      entitlements: [entitlement('pupil-private')],
    });
    expect(text(pupil.lines[0]?.steps[1], 'uk')).toBe('Пільга: учень, 7,00 ₴ замість 13,00 ₴, Order 1 uk');
    const change = priceDay(tariffs, [tap(T0), tap(T0 + 754_000)]);
    expect(text(change.lines[1]?.steps[1], 'uk')).toBe(
      'Безкоштовна пересадка: 12 хв від першої реєстрації (дозволено 30 хв), Order 1 uk',
    );
    const again = priceDay(tariffs, [tap(T0, { vehicleId: 'v' }), tap(T0 + 5000, { vehicleId: 'v' })]);
    expect(text(again.lines[1]?.steps[0], 'en')).toBe(
      'The same ride: card presented again after 5 s, no charge',
    );
  });

  it('says why the ride after a breakdown is free, also to companions', () => {
    const policy = (PACKAGE['tap-policy.yaml'] as string).replace('companion_max: 0', 'companion_max: 1');
    const allowing = timelineOf(packageOf({ 'breakdown.yaml': BREAKDOWN, 'tap-policy.yaml': policy }));
    const said = { breakdownId: 'val-1.e.9', atMs: T0 + 60_000, uncertaintyMs: 0, receivedAtMs: T0 };
    const [, next] = priceDay(allowing, [
      tap(T0, { breakdowns: [said], companions: 1 }),
      tap(T0 + 2_460_000, { companions: 1 }),
    ]).lines;
    const [, own, , companions] = next?.steps ?? [];
    expect(text(own, 'uk')).toBe(
      'Безкоштовно: транспорт зламався, поїздка триває в іншому (40 хв після поломки, дозволено 60 хв), Order 1 uk',
    );
    expect(text(own, 'en')).toBe(
      'Free: the vehicle broke down, the ride goes on in another (40 min after the breakdown, 60 min allowed), Order 1 en',
    );
    expect(text(own, 'de')).toBe(
      'Kostenlos: das Fahrzeug hatte eine Panne, die Fahrt geht in einem anderen weiter (40 Min. nach der Panne, 60 Min. erlaubt), Order 1 de',
    );
    expect(text(own, 'pl')).toBe(
      'Bezpłatnie: pojazd uległ awarii, przejazd trwa w innym (40 min po awarii, dozwolone 60 min), Order 1 pl',
    );
    expect(text(companions, 'uk')).toBe(
      'Безкоштовно для супутників (1): транспорт зламався, поїздка триває в іншому, Order 1 uk',
    );
    expect(new Set(STEP_LANGUAGES.map((language) => text(companions, language))).size).toBe(4);
  });

  it('exists for every kind and language, with no gap in it', () => {
    const kinds = [
      'base',
      'transfer',
      'breakdown',
      'concession',
      'pass',
      'cap',
      'same-ride',
      'clock',
      'unpriced',
    ] as const;
    for (const kind of kinds) {
      for (const afterMinor of [0n, 500n]) {
        for (const language of STEP_LANGUAGES) {
          const step: PriceStep = {
            kind,
            ruleId: 'r',
            act: 'order-1',
            article: 'a',
            beforeMinor: 800n,
            afterMinor,
            params: {
              minutes: '1',
              limitMinutes: '30',
              seconds: '5',
              uncertaintyS: '2',
              nominalMinor: '800',
              concession: 'pensioner',
              medium: 'social_card',
              reason: 'no-tariff',
            },
          };
          const sentence = text(step, language);
          expect(sentence.length).toBeGreaterThan(10);
          expect(sentence).not.toMatch(/undefined|null|NaN|\[object/);
        }
      }
    }
  });

  it('says of a cap that was taken with an extension that a supplement is paid', () => {
    const cap: PriceStep = {
      kind: 'cap',
      ruleId: 'day',
      act: 'order-1',
      article: '1',
      beforeMinor: 510n,
      afterMinor: 150n,
      params: {
        cap: 'day',
        window: 'day',
        from: '2026-03-02',
        limitMinor: '740',
        extension: 'extension-3-6',
      },
    };
    expect(text(cap, 'uk')).toBe(
      'Досягнуто межі витрат, з доплатою за частину поїздки, на яку межа не поширюється: 1,50 ₴ замість 5,10 ₴, Order 1 uk',
    );
    const supplements = [/доплат/, /supplement/, /Zuschlag/, /dopłat/];
    const { extension: _, ...params } = cap.params;
    for (const [i, language] of STEP_LANGUAGES.entries()) {
      expect(text(cap, language)).toMatch(supplements[i] as RegExp);
      expect(text({ ...cap, params }, language)).not.toMatch(supplements[i] as RegExp);
    }
  });

  it('says each reason for no price, and shows ids where it has no names', () => {
    for (const reason of [
      'no-tariff',
      'tap-out',
      'unknown-route',
      'unknown-medium',
      'no-leg-rule',
      'no-product',
    ]) {
      const [step] = priceDay(tariffs, [tap(T0, { routeId: null })]).lines[0]?.steps ?? [];
      const unpriced = { ...(step as PriceStep), params: { reason } };
      const sentences = STEP_LANGUAGES.map((l) => text(unpriced, l));
      expect(new Set(sentences).size).toBe(4);
      for (const s of sentences) expect(s).not.toContain(reason);
    }
    const [line] = priceDay(tariffs, [tap(T0)], { entitlements: [entitlement('pensioner')] }).lines;
    expect(stepText(line?.steps[1] as PriceStep, { language: 'uk', currency: 'UAH' })).toBe(
      'Безкоштовно: pensioner, cmu-354',
    );
  });
});
