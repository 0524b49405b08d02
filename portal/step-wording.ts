/** Steps of a price in plain words: what the fare engine stored, read with care and said by the pricing leaf. */

import { articleText } from '#pricing/article-text.ts';
import type { PriceStep } from '#pricing/model.ts';
import type { NameBook } from '#pricing/name-book.ts';
import { stepText } from '#pricing/step-text.ts';
import { type CityNames, type Name, nameOf } from './city-names.ts';
import { redactText } from './redact.ts';
import type { StepWire } from './schemas.ts';
import type { Wording } from './wording.ts';

const STEPS_MAX = 50;
const PARAMS_MAX = 20;
const PARAM_CHARS_MAX = 200;
const KINDS = [
  'base',
  'journey',
  'transfer',
  'breakdown',
  'bag',
  'concession',
  'pass',
  'cap',
  'suspended',
  'same-ride',
  'clock',
  'stop',
  'unpriced',
] as const;
const AMOUNT = /^-?[0-9]{1,19}$/;

/** Reads stored steps; what is not a step is left out, so that a page never fails over one. */
export function readSteps(json: unknown): PriceStep[] {
  if (!Array.isArray(json)) return [];
  return json.slice(0, STEPS_MAX).flatMap((entry) => readStep(entry) ?? []);
}

function readStep(entry: unknown): PriceStep | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const raw = entry as Record<string, unknown>;
  const kind = KINDS.find((known) => known === raw['kind']);
  const { beforeMinor, afterMinor } = raw;
  if (kind === undefined || !isAmount(beforeMinor) || !isAmount(afterMinor)) return undefined;
  return {
    kind,
    ruleId: String(raw['ruleId'] ?? ''),
    act: typeof raw['act'] === 'string' ? raw['act'] : null,
    article: typeof raw['article'] === 'string' ? raw['article'] : null,
    beforeMinor: BigInt(beforeMinor),
    afterMinor: BigInt(afterMinor),
    params: readParams(raw['params']),
  };
}

function isAmount(value: unknown): value is string {
  return typeof value === 'string' && AMOUNT.test(value);
}

function readParams(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  const params: Record<string, string> = {};
  for (const [key, text] of Object.entries(value).slice(0, PARAMS_MAX)) {
    if (typeof text !== 'string') continue;
    // The pricing leaf reads this one as a number.
    if (key === 'nominalMinor' && !AMOUNT.test(text)) continue;
    params[key] = redactText(text.slice(0, PARAM_CHARS_MAX));
  }
  return params;
}

/** A step for the wire, with its sentence. The act stands in a field of its own and so not in the sentence. */
export function stepWire(step: PriceStep, currency: string, wording: Wording): StepWire {
  return {
    kind: step.kind,
    // Rules of every network once had an empty last part.
    ruleId: redactText(step.ruleId.replace(/\/$/, '')),
    act: step.act === null ? null : redactText(wording.act(step.act)),
    article: step.article === null ? null : articleText(redactText(step.article), wording.language),
    beforeMinor: step.beforeMinor.toString(),
    afterMinor: step.afterMinor.toString(),
    text: stepText(
      { ...step, act: null },
      { language: wording.language, currency, names: bookOf(wording.names) },
    ),
  };
}

const books = new WeakMap<CityNames, Partial<NameBook>>();

/** The city's names in the form of the pricing leaf. */
function bookOf(names: CityNames): Partial<NameBook> {
  const known = books.get(names);
  if (known) return known;
  const inAll = (map: ReadonlyMap<string, Name>) =>
    Object.fromEntries(
      [...map.keys()].map((id) => [
        id,
        {
          uk: nameOf(map, id, 'uk'),
          en: nameOf(map, id, 'en'),
          de: nameOf(map, id, 'de'),
          pl: nameOf(map, id, 'pl'),
        },
      ]),
    );
  const made: Partial<NameBook> = {
    acts: inAll(names.acts),
    concessions: inAll(names.concessions),
    media: inAll(names.media),
  };
  books.set(names, made);
  return made;
}
