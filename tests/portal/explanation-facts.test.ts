/** Facts of an explanation that come from two clocks or from a rule without a name. */
import { beforeAll, describe, expect, it } from 'vitest';
import { readCityFolder } from '../../portal/adapters/city-folder.ts';
import { explainTap } from '../../portal/explain.ts';
import { explanationBody } from '../../portal/views/explanation.ts';
import { createWording, type Wording } from '../../portal/wording.ts';
import { aFreeExplanation, aTap } from './support/fake-views.ts';

let wording: Wording;
beforeAll(async () => {
  wording = createWording('en', (await readCityFolder('cities/ternopil')).names);
});

describe('when it was received', () => {
  const at = Date.UTC(2025, 9, 14, 4, 12, 30);
  const body = (receivedAtMs: number) =>
    explanationBody(explainTap(aTap({ fareAtMs: at, receivedAtMs }), [], wording), wording);

  it('a receipt before the tap within the step of the clocks shows the second of the tap', () => {
    for (const beforeMs of [1, 2000]) {
      expect(body(at - beforeMs)).toContain(`<dt>Received</dt><dd>${wording.dateTime(at)}</dd>`);
    }
    expect(body(at + 5000)).toContain(`<dt>Received</dt><dd>${wording.dateTime(at + 5000)}</dd>`);
  });

  it('beyond it the page says that the clocks differ', () => {
    expect(body(at - 2001)).toContain('clock is 2 s ahead');
    expect(body(at - 180_000)).toContain('clock is 3 min ahead');
  });
});

it('a rule of every network is shown without an empty last part', () => {
  const step = { kind: 'same-ride', ruleId: 'pass-back/', act: 'law-1812', article: 'not-established' };
  const steps = [{ ...step, beforeMinor: '0', afterMinor: '0', params: { seconds: '4' } }];
  const [revision] = explainTap(aTap(), [aFreeExplanation({ steps })], wording).revisions;
  expect(revision?.steps[0]?.ruleId).toBe('pass-back');
});

it('says by which fact the route stands, in four languages, with the id of the fact', async () => {
  const { names } = await readCityFolder('cities/ternopil');
  const words = {
    uk: 'водій відкрив зміну',
    en: 'shift opened by the driver',
    de: 'Schicht vom Fahrpersonal geöffnet',
    pl: 'zmianę otworzył kierowca',
  } as const;
  for (const [language, sentence] of Object.entries(words)) {
    const spoken = createWording(language as keyof typeof words, names);
    const tap = aTap({ routeBy: 'driver', routeFactId: 'val-101.e.1' });
    expect(explanationBody(explainTap(tap, [], spoken), spoken)).toContain(`${sentence} (val-101.e.1)`);
  }
  // A sort of fact of a later version is shown as it is.
  expect(explanationBody(explainTap(aTap({ routeBy: 'oracle' }), [], wording), wording)).toContain('oracle');
});

it('says in four languages by which act the ride after a breakdown is free', async () => {
  const { names } = await readCityFolder('cities/ternopil');
  const words = {
    uk: 'Безкоштовно: транспорт зламався, поїздка триває в іншому (постанова КМУ 812).',
    en: 'Free: the vehicle broke down, the ride goes on in another (Cabinet resolution 812).',
    de: 'Kostenlos: das Fahrzeug hatte eine Panne, die Fahrt geht in einem anderen weiter (Kabinettsbeschluss 812).',
    pl: 'Bezpłatnie: pojazd uległ awarii, przejazd trwa w innym (uchwała Rady Ministrów 812).',
  } as const;
  const step = { kind: 'breakdown', ruleId: 'breakdown-ride', act: 'cmu-812', article: 'not-established' };
  const steps = [
    { ...step, beforeMinor: '1200', afterMinor: '0', params: { minutes: '25', limitMinutes: '60' } },
  ];
  const tap = aTap({ kind: 'transfer', riderMinor: 0n, transferMinor: 1200n });
  for (const [language, sentence] of Object.entries(words)) {
    const spoken = createWording(language as keyof typeof words, names);
    const said = explainTap(tap, [aFreeExplanation({ steps })], spoken);
    expect(said.sentence).toBe(sentence);
    expect(said.revisions[0]?.steps[0]?.text).toContain('25');
  }
});
