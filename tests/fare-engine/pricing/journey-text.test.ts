/** Every state of a journey is a sentence in four languages, with its minutes and its price. */
import { expect, it } from 'vitest';
import { STEP_LANGUAGES, stepText } from '#pricing/step-text.ts';

const step = (params: Readonly<Record<string, string>>) => ({
  kind: 'journey' as const,
  ruleId: 'tap-policy/metro',
  act: 'terms',
  article: null,
  beforeMinor: 400n,
  afterMinor: 400n,
  params,
});

it.each([
  [{ state: 'finished', stop: 'harbour', minutes: '20' }, 'harbour', '20'],
  [{ state: 'finished', minutes: '20', unsure: 'yes' }, '20', ','],
  [{ state: 'repair', stop: 'harbour', minutes: '20' }, 'harbour', 'terms'],
  [{ state: 'completion', stop: 'south', minutes: '15' }, 'south', 'terms'],
  [{ state: 'breakdown', minutes: '5' }, 'terms', ''],
  [{ state: 'no-exit', missing: 'max', limitMinutes: '120' }, '120', '4'],
  [{ state: 'no-exit', missing: 'flat', limitMinutes: '120' }, '120', '4'],
  [{ state: 'no-exit', missing: 'free', limitMinutes: '120' }, '', ''],
  [{ state: 'no-entry', missing: 'max', limitMinutes: '120' }, '4', 'terms'],
  [{ state: 'no-entry', missing: 'flat', limitMinutes: '120' }, '4', 'terms'],
  [{ state: 'no-entry', missing: 'free', limitMinutes: '120' }, '', ''],
  [{ state: 'exit', minutes: '20', seconds: '1200' }, '20', ''],
  [{ state: 'cancelled', minutes: '1', seconds: '60', limitSeconds: '300' }, '60', '300'],
])('%o', (params, some, more) => {
  const texts = STEP_LANGUAGES.map((language) => stepText(step(params), { language, currency: 'EUR' }));
  expect(new Set(texts).size).toBe(STEP_LANGUAGES.length);
  for (const text of texts) {
    expect(text).toContain(some);
    expect(text).toContain(more);
    expect(text).not.toContain('undefined');
    expect(text.length).toBeGreaterThan(12);
  }
});

it('shows a state of a later version as it is', () => {
  expect(stepText(step({ state: 'teleported' }), { language: 'de', currency: 'EUR' })).toBe('teleported');
});
