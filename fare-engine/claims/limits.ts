/** How far the limits of a month are used up, by all carriers together and by each claim. Pure. */
import type { CompensationRow } from '#pricing/compensation.ts';
import { compareText } from '#pricing/file-problem.ts';
import type { ClaimLimit } from './model.ts';
import { Headroom } from './money.ts';

/** What rules with a limit have left while a month's claims are made. */
export class Limits {
  readonly #all = new Map<string, Headroom>();
  readonly #own = new Map<string, Map<string, Headroom>>();

  /** What of so many units a rule's limit leaves. */
  within(row: CompensationRow, units: bigint, unitsPerMinor: bigint): bigint {
    const limit = row.monthly_limit_minor;
    const room = this.#all.get(row.compensation_id) ?? new Headroom();
    const left = limit === undefined ? units : room.left(BigInt(limit), unitsPerMinor);
    return units < left ? units : left;
  }

  use(claimId: string, row: CompensationRow, units: bigint, unitsPerMinor: bigint): void {
    const id = row.compensation_id;
    const all = this.#all.get(id) ?? new Headroom();
    this.#all.set(id, all);
    all.use(units, unitsPerMinor);
    if (row.monthly_limit_minor === undefined) return;
    const rooms = this.#own.get(claimId) ?? new Map<string, Headroom>();
    this.#own.set(claimId, rooms);
    const own = rooms.get(id) ?? new Headroom();
    rooms.set(id, own);
    own.use(units, unitsPerMinor);
  }

  /** What others use of the limits that a claim's rules have. */
  elsewhere(claimId: string): ClaimLimit[] {
    const rooms = [...(this.#own.get(claimId) ?? [])].sort(([a], [b]) => compareText(a, b));
    return rooms.map(([compensationId, own]) => {
      const [rest, all, mine] = [new Headroom(), this.#all.get(compensationId)?.used(), own.used()];
      if (all !== undefined) rest.use(all.units, all.unitsPerMinor);
      rest.use(-mine.units, mine.unitsPerMinor);
      const { units: elsewhereUnits, unitsPerMinor } = rest.used();
      return { compensationId, elsewhereUnits, unitsPerMinor };
    });
  }
}
