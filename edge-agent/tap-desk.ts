/**
 * Where a read card becomes a decision and the decision a record: the pure rules with the memory they need.
 */
import { parseRecord, type Whereabouts } from '#contracts/record.ts';
import type { Timekeeper } from './clock-evidence.ts';
import { decideTap, type TapDecision } from './decide-tap.ts';
import type { DenyList } from './deny-list.ts';
import type { AppendResult, Journal } from './journal.ts';
import { createPassBackMemory, type Moment } from './pass-back.ts';
import type { CardFacts, Device, StoredRecord, Timers } from './ports.ts';
import { createRefusalQuota } from './refusal-quota.ts';

export interface TapDeskDeps {
  readonly device: Pick<Device, 'policy'>;
  readonly journal: Journal;
  readonly denyList: DenyList;
  readonly keeper: Timekeeper;
  readonly timers: Timers;
  readonly limits: {
    /** Refusals that may be written in a row, and real milliseconds until one more may. */
    readonly refusalBurst: number;
    readonly refusalRefillMs: number;
    /** Rides read back from the journal at a start. */
    readonly rebuildRecordsMax: number;
  };
}

export interface TapDesk {
  decide(card: CardFacts, where: Whereabouts): TapDecision;
  /** Writes the answer down. Undefined: a refusal beyond the quota, to be shown but not written. */
  write(decision: TapDecision, card: CardFacts | undefined, where: Whereabouts): AppendResult | undefined;
  /** A new epoch has begun: sequence numbers of the old one must not be named any more. */
  forgetRides(): void;
}

/** The newest record may be of a boot that had lost its time; one of the last few tells it. */
const RECORDS_LOOKED_AT = 16;

/** Whatever the wall clock says after a power loss, it is later than the newest record. */
function rememberTime(keeper: Timekeeper, newestFirst: readonly StoredRecord[]): void {
  for (const { bytes } of newestFirst.slice(0, RECORDS_LOOKED_AT)) {
    const record = parseRecord(bytes);
    if (record.ok) keeper.notBefore(record.value.at);
  }
}

/** Makes the desk; rides of a moment ago are read back from the journal. */
export function createTapDesk(deps: TapDeskDeps): TapDesk {
  const { device, journal, denyList, keeper, timers, limits } = deps;
  const quota = createRefusalQuota(limits.refusalBurst, limits.refusalRefillMs);
  const passBack = createPassBackMemory(device.policy.passBackS * 1000);
  const newest = journal.newest(limits.rebuildRecordsMax);
  rememberTime(keeper, newest);
  passBack.rebuild(newest);
  const moment = (): Moment => ({ nowMs: keeper.nowMs(), monoMs: keeper.monoMs() });

  function write(decision: TapDecision, card: CardFacts | undefined, where: Whereabouts) {
    const at = keeper.evidence();
    const medium = card && { tokenId: card.tokenId, mediumKind: card.mediumKind };
    const common = { where, denyList: denyList.state().version };
    if (!decision.accepted) {
      if (!quota.take(timers.nowMs())) return undefined;
      const body = { reason: decision.reason, ...medium, ...common };
      return journal.append({ kind: 'refused', at, body });
    }
    if (!medium) throw new Error('a green without a card');
    const { passBackOfSeq } = decision;
    const repetition = passBackOfSeq === undefined ? {} : { passBackOfSeq };
    const body = { ...medium, direction: 'in' as const, companions: 0, ...repetition, ...common };
    const written = journal.append({ kind: 'tap', at, body });
    if (written.ok && passBackOfSeq === undefined) {
      passBack.remember(medium.tokenId, { seq: written.record.seq, vehicleId: where.vehicleId }, moment());
    }
    return written;
  }

  return {
    decide(card, where) {
      const now = moment();
      return decideTap({
        card,
        nowMs: now.nowMs,
        policy: device.policy,
        deny: denyList.find(card.tokenId),
        uncertaintyMs: keeper.uncertaintyMs(),
        listVouchedAtMs: denyList.state().vouchedAtMs,
        earlier: passBack.earlier(card.tokenId, where.vehicleId, now),
      });
    },
    write,
    forgetRides: () => passBack.clear(),
  };
}
