/**
 * What the audit log says that taps cost, collected while it is verified: so no number in here is anybody's mere word.
 */
import { decodeBundle, TILE_WIDTH, type TileName } from '#contracts/audit-log.ts';
import type { LogSource } from './log-source.ts';

/** Amounts of the decision that stands, as its leaf has them. */
export interface SealedLine {
  readonly index: number;
  readonly accountId: string;
  readonly fareDay: string;
  readonly currency: string;
  readonly grossMinor: bigint;
  readonly riderMinor: bigint;
  readonly concessionMinor: bigint;
  readonly lossMinor: bigint;
  /** The tap has left its account: its latest decision only undoes. */
  readonly withdrawn: boolean;
}

interface DecisionEntry {
  readonly kind: string;
  readonly tapId: string;
  readonly accountId: string;
  readonly fareDay: string;
  readonly currency: string;
  readonly line: string;
  readonly gross: string;
  readonly rider: string;
  readonly concession: string;
  readonly loss: string;
}

/** Which decisions are asked for: of these taps, and of every tap that ever was priced on these fare days. */
export interface SealedWish {
  readonly taps: { has(tapId: string): boolean };
  readonly fareDays: ReadonlySet<string>;
}

/** A reader of the log that notes the last decision of each tap asked for; bundles must be read in their order. */
export function collectSealedLines(
  source: LogSource,
  wish: SealedWish,
): { readonly read: LogSource['tile']; readonly lines: ReadonlyMap<string, SealedLine> } {
  const lines = new Map<string, SealedLine>();
  const read = async (name: TileName): Promise<Buffer | null> => {
    const bytes = await source.tile(name);
    if (name.level !== 'entries' || bytes === null) return bytes;
    for (const [i, entry] of decodeBundle(bytes).entries.entries()) {
      const said = decisionOf(entry);
      if (said === null) continue;
      if (!wish.taps.has(said.tapId) && !wish.fareDays.has(said.fareDay) && !lines.has(said.tapId)) continue;
      const line = asLine(said, name.n * TILE_WIDTH + i);
      if (line === null) lines.delete(said.tapId);
      else lines.set(said.tapId, line);
    }
    return bytes;
  };
  return { read, lines };
}

function decisionOf(entry: Buffer): DecisionEntry | null {
  if (!entry.includes('"kind":"decision"')) return null;
  try {
    const said = JSON.parse(entry.toString('utf8')) as DecisionEntry;
    return said.kind === 'decision' ? said : null;
  } catch {
    return null;
  }
}

const NO_LINE = '0'.repeat(64);

/** `null` for amounts that are none: where somebody changed them, the verification that goes on names the leaf. */
function asLine(said: DecisionEntry, index: number): SealedLine | null {
  const amounts = [said.gross, said.rider, said.concession, said.loss];
  if (!amounts.every((amount) => AMOUNT.test(amount))) return null;
  const [grossMinor, riderMinor, concessionMinor, lossMinor] = amounts.map(BigInt) as Four;
  const { accountId, fareDay, currency } = said;
  const withdrawn = said.line === NO_LINE;
  return {
    ...{ index, accountId, fareDay, currency, withdrawn },
    ...{ grossMinor, riderMinor, concessionMinor, lossMinor },
  };
}

const AMOUNT = /^-?\d{1,18}$/;
type Four = [bigint, bigint, bigint, bigint];
