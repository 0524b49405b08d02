/** Which application of a bank card is spoken to: PPSE directory, priorities, application selection (EMV Book B, 3.3). */
import { type CardAnswer, selectByName } from '../apdu.ts';
import { type DataObject, readObjects } from '../tlv.ts';
import { TAG } from './tags.ts';

/** How a scheme proves its card: what follows the records, and which signature. */
export type Scheme = 'visa' | 'mastercard' | 'amex';

/** An application that the terminal speaks with. */
export interface SupportedApplication {
  /** AID or its beginning: a card's longer AID that begins so is the same application (partial selection). */
  readonly aid: Buffer;
  readonly scheme: Scheme;
}

/** An entry of the card's directory that the terminal supports. */
export interface Candidate extends SupportedApplication {
  /** 1 is the highest; 15 and more stands for none. */
  readonly priority: number;
}

const PPSE_NAME = Buffer.from('2PAY.SYS.DDF01', 'latin1');
export const SELECT_PPSE = selectByName(PPSE_NAME);

/** Most directory entries looked at. */
const ENTRIES_MAX = 16;
const NO_PRIORITY = 16;

/** Kernels of Book B, 3.3: what tag 9F2A asks for, by scheme. */
const KERNEL_OF: Readonly<Record<Scheme, number>> = { mastercard: 2, visa: 3, amex: 4 };

/**
 * The applications of a PPSE answer that the terminal supports, best first. `undefined`: the answer is malformed. Entries
 * of one priority keep the card's order; one without a usable AID is passed over, as Book B asks.
 */
export function candidatesOf(
  answer: CardAnswer,
  supported: readonly SupportedApplication[],
): Candidate[] | undefined {
  const proprietary = fciProprietary(answer.data, PPSE_NAME);
  const discretionary = proprietary && only(proprietary, TAG.fciDiscretionary);
  const entries = discretionary && readObjects(discretionary, 'emv');
  if (!entries) return undefined;
  const candidates: Candidate[] = [];
  for (const entry of entries.filter(({ tag }) => tag === TAG.directoryEntry).slice(0, ENTRIES_MAX)) {
    const objects = readObjects(entry.value, 'emv');
    if (!objects) return undefined;
    const candidate = candidateOf(objects, supported);
    if (candidate) candidates.push(candidate);
  }
  return candidates.sort((a, b) => a.priority - b.priority);
}

function candidateOf(
  objects: readonly DataObject[],
  supported: readonly SupportedApplication[],
): Candidate | undefined {
  const aid = only(objects, TAG.aid);
  if (aid === undefined || aid.length < 5 || aid.length > 16) return undefined;
  const known = supported.find((one) => aid.subarray(0, one.aid.length).equals(one.aid));
  if (!known || !kernelFits(only(objects, TAG.kernelId), known.scheme)) return undefined;
  const rank = (only(objects, TAG.priority)?.[0] ?? 0) & 0x0f;
  return { aid: Buffer.from(aid), scheme: known.scheme, priority: rank === 0 ? NO_PRIORITY : rank };
}

/** A card may ask for another kernel than its scheme's own; an international one (bits 8, 7 = 00) names it by number. */
function kernelFits(kernelId: Buffer | undefined, scheme: Scheme): boolean {
  const first = kernelId?.[0];
  return first === undefined || first === 0 || first === KERNEL_OF[scheme];
}

/** The objects of the proprietary template of an FCI; `undefined`: malformed, or the FCI of another application. */
export function fciProprietary(fci: Buffer, name: Buffer): DataObject[] | undefined {
  const outer = readObjects(fci, 'emv');
  if (outer?.length !== 1 || outer[0]?.tag !== TAG.fci) return undefined;
  const inner = readObjects(outer[0].value, 'emv');
  if (!inner) return undefined;
  const dfName = only(inner, TAG.dfName);
  // A partial name may have selected a longer one, never a shorter or another.
  if (dfName === undefined || dfName.length > 16 || !dfName.subarray(0, name.length).equals(name))
    return undefined;
  const proprietary = only(inner, TAG.fciProprietary);
  return proprietary && readObjects(proprietary, 'emv');
}

/** The value of a tag that is there exactly once. */
export function only(objects: readonly DataObject[], tag: number): Buffer | undefined {
  const found = objects.filter((object) => object.tag === tag);
  return found.length === 1 ? found[0]?.value : undefined;
}
