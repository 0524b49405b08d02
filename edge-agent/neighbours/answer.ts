/** What an inspector hears: did this medium ride here, and could it have. From the journal and the memory of outages. */
import { type JournalRecord, parseRecord } from '#contracts/record.ts';
import { instantOf } from '../clock-evidence.ts';
import type { StoredRecord } from '../ports.ts';
import type { Outages } from '../validator/outages.ts';
import { ANSWER_ITEMS_MAX, type AnswerMessage, type AskMessage } from './wire.ts';

export interface AnswerSources {
  /** Records of the newest epoch, newest first. */
  readonly newest: () => readonly StoredRecord[];
  readonly outages: Outages;
  /** City time. */
  readonly nowMs: number;
  /** Monotonic time, of which outages are told. */
  readonly monoMs: number;
}

type Answer = Pick<AnswerMessage, 'rides' | 'outOfOrder' | 'knowsSinceAgeMs'>;

/** Longest age that the wire has room for. */
const AGE_MS_MAX = 366 * 86_400_000;

/** Answers from what is held here; what was before its start it does not know. */
export function answerInspector(ask: AskMessage, { newest, outages, nowMs, monoMs }: AnswerSources): Answer {
  const age = (ms: number): number => Math.min(AGE_MS_MAX, Math.max(0, Math.round(ms)));
  const outOfOrder = outages.since(monoMs - ask.sinceAgeMs).slice(0, ANSWER_ITEMS_MAX);
  return {
    rides: ridesOf(ask, newest(), (record) => age(nowMs - instantOf(record.at))),
    outOfOrder: outOfOrder.map(({ fromMs, untilMs }) => ({
      fromAgeMs: age(monoMs - fromMs),
      untilAgeMs: untilMs === null ? null : age(monoMs - untilMs),
    })),
    knowsSinceAgeMs: age(monoMs - outages.knowsSinceMs),
  };
}

/** Newest first; companions of a ride are counted to it. */
function ridesOf(
  { tokenIds, sinceAgeMs }: AskMessage,
  newestFirst: readonly StoredRecord[],
  ageOf: (record: JournalRecord) => number,
): Answer['rides'] {
  const rides: Answer['rides'] = [];
  const companions = new Map<number, number>();
  for (const { kind, bytes } of newestFirst) {
    if (kind !== 'tap') continue;
    const parsed = parseRecord(bytes);
    if (!parsed.ok || parsed.value.kind !== 'tap') continue;
    const { epoch, seq, body } = parsed.value;
    const names = [body.tokenId, body.formerTokenId];
    if (!tokenIds.some((tokenId) => names.includes(tokenId))) continue;
    const ageMs = ageOf(parsed.value);
    if (ageMs > sinceAgeMs) break;
    const { passBackOfSeq: of } = body;
    if (of !== undefined) {
      companions.set(of, (companions.get(of) ?? 0) + body.companions);
      continue;
    }
    rides.push({ epoch, seq, ageMs, companions: body.companions + (companions.get(seq) ?? 0) });
    if (rides.length === ANSWER_ITEMS_MAX) break;
  }
  return rides;
}
