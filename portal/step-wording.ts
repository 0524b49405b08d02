/** Steps of a price in plain words, from what the fare engine stored. */
import type { PriceStep } from '#pricing/model.ts';
import { redactText } from './redact.ts';
import type { StepWire } from './schemas.ts';
import type { Wording } from './wording.ts';

const STEPS_MAX = 50;
const KINDS = ['base', 'transfer', 'concession', 'pass', 'cap', 'same-ride', 'clock', 'unpriced'] as const;

/** Reads stored steps; what is not a step is left out, so that a page never fails over one. */
export function readSteps(json: unknown): PriceStep[] {
  if (!Array.isArray(json)) return [];
  return json.slice(0, STEPS_MAX).flatMap((entry) => {
    const step = readStep(entry);
    return step ? [step] : [];
  });
}

function readStep(entry: unknown): PriceStep | undefined {
  if (typeof entry !== 'object' || entry === null) return undefined;
  const raw = entry as Record<string, unknown>;
  const kind = KINDS.find((known) => known === raw['kind']);
  const beforeMinor = readAmount(raw['beforeMinor']);
  const afterMinor = readAmount(raw['afterMinor']);
  if (kind === undefined || beforeMinor === undefined || afterMinor === undefined) return undefined;
  return {
    kind,
    ruleId: String(raw['ruleId'] ?? ''),
    act: typeof raw['act'] === 'string' ? raw['act'] : null,
    article: typeof raw['article'] === 'string' ? raw['article'] : null,
    beforeMinor,
    afterMinor,
    params: readParams(raw['params']),
  };
}

function readAmount(value: unknown): bigint | undefined {
  return typeof value === 'string' && /^-?[0-9]{1,19}$/.test(value) ? BigInt(value) : undefined;
}

function readParams(value: unknown): Record<string, string> {
  if (typeof value !== 'object' || value === null) return {};
  const entries = Object.entries(value).filter(
    (entry): entry is [string, string] => typeof entry[1] === 'string',
  );
  return Object.fromEntries(entries.slice(0, 20).map(([key, text]) => [key, redactText(text.slice(0, 200))]));
}

/** A step for the wire, with its sentence. */
export function stepWire(step: PriceStep, wording: Wording): StepWire {
  return {
    kind: step.kind,
    ruleId: redactText(step.ruleId),
    act: step.act === null ? null : wording.act(step.act),
    article: step.article,
    beforeMinor: step.beforeMinor.toString(),
    afterMinor: step.afterMinor.toString(),
    text: stepSentence(step, wording),
  };
}

function stepSentence(step: PriceStep, wording: Wording): string {
  const title = wording.maybe(`step.${step.kind}`, wording.t('step.other'));
  const { concessionId, routeId, mediumKind } = step.params;
  if (step.kind === 'concession' && concessionId) return `${title}: ${wording.concession(concessionId)}`;
  if (step.kind === 'base' && mediumKind) return `${title}: ${wording.medium(mediumKind)}`;
  return routeId ? `${title}: ${wording.routeTitle(routeId)}` : title;
}
