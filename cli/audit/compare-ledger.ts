/** A month that was computed again beside what the audit log has sealed: tap by tap, to the smallest unit. */
import type { RepricedLine } from '#pricing/reprice-bundle.ts';
import type { SealedLine } from './sealed-lines.ts';

export interface LedgerComparison {
  readonly taps: number;
  /** Taps of days still open that the log has no decision of yet: it is some seconds behind. No difference. */
  readonly unsealed: number;
  /** What differs, the first ones only; `differing` counts all. */
  readonly differences: readonly LedgerDifference[];
  readonly differing: number;
}

export interface LedgerDifference {
  readonly tapId: string;
  /** Leaf of the decision; `null` = the log has none. */
  readonly leaf: number | null;
  /** What is different, computed anew and as sealed. */
  readonly what: string;
  readonly computed: string | null;
  readonly sealed: string | null;
}

const DIFFERENCES_MAX = 20;
const AMOUNTS = ['grossMinor', 'riderMinor', 'concessionMinor'] as const;

/** Collects differences; lines may come in any order. */
export class LedgerComparer {
  private readonly lines: ReadonlyMap<string, SealedLine>;
  private readonly computed = new Set<string>();
  private readonly found: LedgerDifference[] = [];
  private differing = 0;
  private unsealed = 0;

  constructor(lines: ReadonlyMap<string, SealedLine>) {
    this.lines = lines;
  }

  /** @param closed whether the tap's fare day is closed: then the log must have it */
  add({ accountId, line, lossMinor }: RepricedLine, closed: boolean): void {
    this.computed.add(line.tapId);
    const sealed = this.lines.get(line.tapId);
    if (sealed === undefined && !closed) {
      this.unsealed++;
      return;
    }
    if (sealed === undefined || sealed.withdrawn) {
      this.note(line.tapId, sealed?.index ?? null, 'decision', 'a price', null);
      return;
    }
    const pairs: [string, string, string][] = [
      ['accountId', accountId, sealed.accountId],
      ['currency', line.currency, sealed.currency],
      ['lossMinor', lossMinor.toString(), sealed.lossMinor.toString()],
      ...AMOUNTS.map(
        (name) => [name, line[name].toString(), sealed[name].toString()] as [string, string, string],
      ),
    ];
    const wrong = pairs.find(([, computed, other]) => computed !== other);
    if (wrong !== undefined) this.note(line.tapId, sealed.index, ...wrong);
  }

  /** @param fareDays days of the bundle: a tap that the log prices on them and the bundle lacks is a difference too */
  end(fareDays: ReadonlySet<string>): LedgerComparison {
    for (const [tapId, { index, fareDay, withdrawn, riderMinor }] of this.lines) {
      if (withdrawn || this.computed.has(tapId) || !fareDays.has(fareDay)) continue;
      this.note(tapId, index, 'tap', null, `a price of ${riderMinor} on ${fareDay}`);
    }
    return {
      taps: this.computed.size,
      unsealed: this.unsealed,
      differences: this.found,
      differing: this.differing,
    };
  }

  private note(
    tapId: string,
    leaf: number | null,
    what: string,
    computed: string | null,
    sealed: string | null,
  ): void {
    this.differing++;
    if (this.found.length < DIFFERENCES_MAX) this.found.push({ tapId, leaf, what, computed, sealed });
  }
}
