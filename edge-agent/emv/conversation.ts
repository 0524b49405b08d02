/**
 * The commands of one transaction up to what must be proven: directory, application, processing options, records. What a
 * card says is collected, not believed.
 */
import { type CardAnswer, type Conversation, DONE, isCheckingError, selectByName } from '../apdu.ts';
import { type DataObject, readObjects } from '../tlv.ts';
import { CardData } from './card-data.ts';
import { buildDol, type DolValues, parseDol } from './dol.ts';
import type { KernelRefusal } from './kernel.ts';
import { parseAfl, type RecordPlace, readRecord } from './records.ts';
import type { SecretArena } from './secret-bytes.ts';
import {
  type Candidate,
  candidatesOf,
  fciProprietary,
  only,
  SELECT_PPSE,
  type SupportedApplication,
} from './select.ts';
import { TAG } from './tags.ts';

/** An application that has said everything before its cryptogram. */
export interface OpenedApplication {
  readonly candidate: Candidate;
  readonly data: CardData;
  /** Values sent for the PDOL, as sent. */
  readonly pdolValues: Buffer;
  /** What the issuer has signed of the records, part by part. */
  readonly signedRecords: readonly Buffer[];
  /** Tags of those records. */
  readonly signedTags: readonly number[];
  /** Languages of the FCI, tag 5F2D. */
  readonly languages: Buffer | undefined;
}

export interface Talk {
  readonly send: Conversation['send'];
  /** Keeps every answer, to be wiped with it. */
  readonly arena: SecretArena;
}

type Step<T> = { readonly value: T } | { readonly refused: KernelRefusal };
type Opened = Step<OpenedApplication> | 'next';

/** Most applications tried on one card. */
const APPLICATIONS_MAX = 4;
/** GPO without values: for a card with no PDOL, and a second try for one that cannot take its own. */
const EMPTY_PDOL = Buffer.alloc(0);

const STATUS = {
  /** Selected, but blocked. */
  invalidated: 0x6283,
  wrongLength: 0x6700,
  /** Function not supported; to a SELECT of EMV: the card is blocked (Book 1, 11.3.5). */
  blocked: 0x6a81,
  notFound: 0x6a82,
  conditions: 0x6985,
  /** GPO: the holder must first unlock the phone. */
  notAllowed: 0x6986,
} as const;

/** Sends one command; the answer is in the arena. */
export async function exchange(talk: Talk, command: Uint8Array): Promise<CardAnswer | undefined> {
  const answer = await talk.send(command);
  if (answer) talk.arena.keep(answer.data);
  return answer;
}

/** Opens the best application that card and terminal share. `absent`: the card has no payment directory. */
export async function openApplication(
  talk: Talk,
  supported: readonly SupportedApplication[],
  values: DolValues,
): Promise<Step<OpenedApplication> | 'absent'> {
  const directory = await exchange(talk, SELECT_PPSE);
  if (!directory) return { refused: 'unreadable' };
  if (directory.status === STATUS.blocked || directory.status === STATUS.invalidated)
    return { refused: 'blocked' };
  // Contactless Book B, 3.3: without a directory the card has no application to offer, whatever its word for that is.
  if (isCheckingError(directory.status)) return 'absent';
  if (directory.status !== DONE) return { refused: 'unreadable' };
  const candidates = candidatesOf(directory, supported);
  if (!candidates) return { refused: 'unreadable' };
  let why: KernelRefusal = 'not-supported';
  for (const candidate of candidates.slice(0, APPLICATIONS_MAX)) {
    const opened = await openCandidate(talk, candidate, values);
    if (opened === 'next') continue;
    if ('value' in opened || opened.refused !== 'blocked') return opened;
    why = 'blocked';
  }
  return { refused: why };
}

async function openCandidate(talk: Talk, candidate: Candidate, values: DolValues): Promise<Opened> {
  const selected = await exchange(talk, selectByName(candidate.aid));
  if (!selected) return { refused: 'unreadable' };
  if (selected.status === STATUS.invalidated || selected.status === STATUS.blocked)
    return { refused: 'blocked' };
  if (selected.status === STATUS.notFound) return 'next';
  const fci = selected.status === DONE ? fciProprietary(selected.data, candidate.aid) : undefined;
  if (!fci) return { refused: 'unreadable' };
  const pdol = only(fci, TAG.pdol);
  const wanted = pdol === undefined ? [] : parseDol(pdol);
  if (!wanted) return { refused: 'unreadable' };
  const options = await processingOptions(talk, buildDol(wanted, values));
  if (options === 'next' || 'refused' in options) return options;
  const { objects, pdolValues } = options.value;
  const data = new CardData();
  if (!data.add(objects, false)) return { refused: 'unreadable' };
  // Without records there is nothing to prove a card by; that is said when it is asked to.
  const afl = data.get(TAG.afl);
  const places = afl === undefined ? [] : parseAfl(afl);
  if (!places || data.get(TAG.aip)?.length !== 2) return { refused: 'unreadable' };
  const signed = await readRecords(talk, places, data);
  if ('refused' in signed) return signed;
  return { value: { candidate, data, pdolValues, languages: only(fci, TAG.language), ...signed.value } };
}

interface ProcessingOptions {
  readonly objects: readonly DataObject[];
  readonly pdolValues: Buffer;
}

/** GET PROCESSING OPTIONS; once more with an empty list for a card that answers 6700 to its own PDOL. */
async function processingOptions(talk: Talk, pdolValues: Buffer): Promise<Step<ProcessingOptions> | 'next'> {
  const answer = await exchange(talk, getProcessingOptions(pdolValues));
  if (!answer) return { refused: 'unreadable' };
  if (answer.status === STATUS.wrongLength && pdolValues.length > 0)
    return processingOptions(talk, EMPTY_PDOL);
  if (answer.status === STATUS.conditions) return 'next';
  if (answer.status === STATUS.notAllowed) return { refused: 'phone-locked' };
  const objects = answer.status === DONE ? optionsIn(answer.data, talk.arena) : undefined;
  return objects ? { value: { objects, pdolValues } } : { refused: 'unreadable' };
}

function getProcessingOptions(values: Buffer): Uint8Array {
  return Uint8Array.of(0x80, 0xa8, 0x00, 0x00, values.length + 2, 0x83, values.length, ...values, 0x00);
}

/** Format 1 (80: AIP and AFL in a row) as the objects of format 2 (77). */
function optionsIn(answer: Buffer, arena: SecretArena): readonly DataObject[] | undefined {
  const outer = readObjects(answer, 'emv');
  if (outer?.length !== 1 || !outer[0]) return undefined;
  const { tag, value } = outer[0];
  if (tag === TAG.format2) return readObjects(value, 'emv');
  if (tag !== TAG.format1 || value.length < 6) return undefined;
  const afl = value.subarray(2);
  const inFormat2 = [Buffer.of(TAG.aip, 2), value.subarray(0, 2), Buffer.of(TAG.afl, afl.length), afl];
  return afl.length < 0x80 ? readObjects(arena.join(inFormat2), 'emv') : undefined;
}

interface SignedRecords {
  readonly signedRecords: readonly Buffer[];
  readonly signedTags: readonly number[];
}

async function readRecords(
  talk: Talk,
  places: readonly RecordPlace[],
  data: CardData,
): Promise<Step<SignedRecords>> {
  const signedRecords: Buffer[] = [];
  const signedTags: number[] = [];
  for (const place of places) {
    const answer = await exchange(talk, readRecord(place));
    if (answer?.status !== DONE) return { refused: 'unreadable' };
    const outer = readObjects(answer.data, 'emv');
    if (outer?.length !== 1 || outer[0]?.tag !== TAG.record) return { refused: 'unreadable' };
    const objects = readObjects(outer[0].value, 'emv');
    if (!objects || !data.add(objects, false)) return { refused: 'unreadable' };
    if (!place.signed) continue;
    // Files above 10 are the issuer's own: there the whole record is signed (Book 3, 10.3).
    signedRecords.push(place.sfi <= 10 ? outer[0].value : answer.data);
    signedTags.push(...objects.map(({ tag }) => tag));
  }
  return { value: { signedRecords, signedTags } };
}
