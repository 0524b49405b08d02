/** What an inspector hears: did this medium ride here, and could it have. From the journal and the memory of outages. */
import { type ClockEvidence, type JournalRecord, parseRecord } from '#contracts/record.ts';
import { instantOf } from '../clock-evidence.ts';
import type { Beside, StoredRecord } from '../ports.ts';
import type { Outages } from '../validator/outages.ts';
import type { Answer } from './peers.ts';
import type { VehicleMemory } from './vehicle-memory.ts';
import { ANSWER_ITEMS_MAX, type AskMessage } from './wire.ts';

export interface AnswerSources {
  /** Records of the newest epoch, newest first. */
  readonly newest: () => readonly StoredRecord[];
  /** So many records at most come from `newest`. */
  readonly recordsMax: number;
  readonly outages: Outages;
  /** What is known of the other doors. */
  readonly others: Pick<VehicleMemory, 'ridesOf' | 'peers'>;
  /** What the device knows of time. */
  readonly now: ClockEvidence;
  /** The timers' time, of which outages are told. */
  readonly timerMs: number;
}

/** Longest age that the wire has room for. */
const AGE_MS_MAX = 366 * 86_400_000;

/** Answers from what is held here and was heard of other doors; what was before its start it does not know. */
export function answerInspector(ask: AskMessage, sources: AnswerSources): Answer {
  const { newest, recordsMax, outages, others, now, timerMs } = sources;
  const age = (ms: number): number => Math.min(AGE_MS_MAX, Math.max(0, Math.round(ms)));
  // Within one boot the monotonic clock measures: a tap before the city told its time has a wall clock of long ago.
  const ageOf = ({ at }: JournalRecord): number =>
    age(at.bootId === now.bootId ? now.monoMs - at.monoMs : instantOf(now) - instantOf(at));
  const records = newest();
  const oldest = records.length < recordsMax ? undefined : parseRecord(records.at(-1)?.bytes ?? Buffer.of());
  const outOfOrder = outages.since(timerMs - ask.sinceAgeMs).slice(0, ANSWER_ITEMS_MAX);
  const rides = [...ridesOf(ask, records, ageOf), ...others.ridesOf(ask)];
  const peers = others.peers();
  return {
    rides: rides.sort((a, b) => a.ageMs - b.ageMs).slice(0, ANSWER_ITEMS_MAX),
    ...(peers.length > 0 && { peers }),
    outOfOrder: outOfOrder.map(({ fromMs, untilMs }) => ({
      fromAgeMs: age(timerMs - fromMs),
      untilAgeMs: untilMs === null ? null : age(timerMs - untilMs),
    })),
    knowsSinceAgeMs: Math.min(
      age(timerMs - outages.knowsSinceMs),
      oldest?.ok ? ageOf(oldest.value) : AGE_MS_MAX,
    ),
  };
}

/** Newest first; companions and bags of a ride are counted to it. */
function ridesOf(
  { tokenIds, sinceAgeMs }: AskMessage,
  newestFirst: readonly StoredRecord[],
  ageOf: (record: JournalRecord) => number,
): Answer['rides'] {
  const rides: Answer['rides'] = [];
  const beside = new Map<number, Beside>();
  for (const { kind, bytes } of newestFirst) {
    if (kind !== 'tap' || !tokenIds.some((tokenId) => Buffer.from(bytes).includes(tokenId))) continue;
    const parsed = parseRecord(bytes);
    if (!parsed.ok || parsed.value.kind !== 'tap') continue;
    const { epoch, seq, body } = parsed.value;
    const names = [body.tokenId, body.formerTokenId];
    if (!tokenIds.some((tokenId) => names.includes(tokenId))) continue;
    const ageMs = ageOf(parsed.value);
    if (ageMs > sinceAgeMs) continue;
    const { passBackOfSeq: of } = body;
    const { companions, bags } = beside.get(of ?? seq) ?? { companions: 0, bags: 0 };
    const all = { companions: companions + body.companions, bags: bags + (body.bags ?? 0) };
    if (of !== undefined) {
      beside.set(of, all);
      continue;
    }
    rides.push({ epoch, seq, ageMs, companions: all.companions, ...(all.bags > 0 && { bags: all.bags }) });
    if (rides.length === ANSWER_ITEMS_MAX) break;
  }
  return rides;
}
