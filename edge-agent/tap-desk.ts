/**
 * Where a read card becomes a decision and the decision a record: the pure rules with the memory they need.
 */
import type { RefusalCode } from '#contracts/reason-codes.ts';
import { parseRecord, type Whereabouts } from '#contracts/record.ts';
import type { Timekeeper } from './clock-evidence.ts';
import { decideTap, type EarlierRide, refusalOfStaff, type TapDecision } from './decide-tap.ts';
import { type DenyList, denialsOf } from './deny-list.ts';
import type { AppendResult, Journal } from './journal.ts';
import { createPassBackMemory, type Moment, passBackPlace } from './pass-back.ts';
import type { Beside, CardFacts, Device, ServiceCard, StoredRecord, Timers } from './ports.ts';
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
  /** Why a card of staff opens nothing; null = it is good. */
  refusalOfStaff(service: ServiceCard): RefusalCode | null;
  /** Writes down that companions or bags of a ride are paid for. */
  writeBeside(card: CardFacts, rideSeq: number, beside: Beside, where: Whereabouts): AppendResult;
  /** Writes the answer down. Undefined: a refusal beyond the quota, to be shown but not written. */
  write(decision: TapDecision, card: CardFacts | undefined, where: Whereabouts): AppendResult | undefined;
  /** The ride that this medium is on in this vehicle. */
  ride(card: CardFacts, where: Whereabouts): EarlierRide | null;
  /** Another door of this vehicle has let a medium on. */
  rodeElsewhere(
    ride: { tokenId: string; formerTokenId?: string; ageMs: number; companions: number; bags?: number },
    where: Whereabouts,
  ): void;
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

function tokensOf(card: CardFacts | undefined): string[] {
  return [card?.tokenId, card?.formerTokenId].filter((token) => token !== undefined);
}

/** What a record says of the medium. */
function mediumOf({ tokenId, formerTokenId, mediumKind }: CardFacts) {
  return { tokenId, ...(formerTokenId !== undefined && { formerTokenId }), mediumKind };
}

/** Makes the desk; rides of a moment ago are read back from the journal. */
export function createTapDesk(deps: TapDeskDeps): TapDesk {
  const { device, journal, denyList, keeper, timers, limits } = deps;
  const { direction: way = 'in' } = device.policy;
  const said = way === 'both' ? {} : { direction: way };
  const placeOf = (where: Whereabouts) => passBackPlace(where, way);
  const quota = createRefusalQuota(limits.refusalBurst, limits.refusalRefillMs);
  const passBack = createPassBackMemory(device.policy.passBackS * 1000, way);
  const newest = journal.newest(limits.rebuildRecordsMax);
  rememberTime(keeper, newest);
  passBack.rebuild(newest);
  const moment = (): Moment => ({ nowMs: keeper.nowMs(), monoMs: keeper.monoMs() });

  /** What a denial is judged by beside the list. */
  const time = () => ({
    nowMs: keeper.nowMs(),
    uncertaintyMs: keeper.uncertaintyMs(),
    listVouchedAtMs: denyList.state().vouchedAtMs,
  });

  /** The younger ride: a door that does not know the new key yet tells of the former token. */
  function earlierOf(card: CardFacts, vehicleId: string | undefined, now: Moment): EarlierRide | null {
    const rides = tokensOf(card).flatMap((token) => passBack.earlier(token, vehicleId, now) ?? []);
    return rides.reduce<EarlierRide | null>(
      (younger, ride) => (younger === null || ride.elapsedMs < younger.elapsedMs ? ride : younger),
      null,
    );
  }

  function write(decision: TapDecision, card: CardFacts | undefined, where: Whereabouts) {
    const at = keeper.evidence();
    const medium = card && mediumOf(card);
    const common = { where, denyList: denyList.state().version };
    if (!decision.accepted) {
      if (!quota.take(timers.nowMs())) return undefined;
      const body = { reason: decision.reason, ...medium, ...common };
      return journal.append({ kind: 'refused', at, body });
    }
    if (!medium) throw new Error('a green without a card');
    const { passBackOfSeq } = decision;
    const repetition = passBackOfSeq === undefined ? {} : { passBackOfSeq };
    const bank = card?.bank && { bank: card.bank };
    const body = { ...medium, ...said, companions: 0, ...repetition, ...bank, ...common };
    const written = journal.append({ kind: 'tap', at, body });
    if (written.ok && decision.repeated) {
      for (const token of tokensOf(card)) passBack.adopt(token, written.record.seq);
    } else if (written.ok) {
      passBack.remember(medium.tokenId, { seq: written.record.seq, vehicleId: placeOf(where) }, moment());
    }
    return written;
  }

  return {
    decide(card, where) {
      return decideTap({
        card,
        policy: device.policy,
        denials: denialsOf(denyList, ...tokensOf(card)),
        ...time(),
        earlier: earlierOf(card, placeOf(where), moment()),
      });
    },
    refusalOfStaff: (service) =>
      refusalOfStaff(service, {
        denials: denialsOf(denyList, service.staffTokenId, service.formerStaffTokenId),
        ...time(),
      }),
    write,
    writeBeside(card, rideSeq, beside, where) {
      const body = {
        ...mediumOf(card),
        ...said,
        companions: beside.companions,
        ...(beside.bags > 0 && { bags: beside.bags }),
        passBackOfSeq: rideSeq,
        ...(card.bank && { bank: card.bank }),
        where,
        denyList: denyList.state().version,
      };
      const written = journal.append({ kind: 'tap', at: keeper.evidence(), body });
      if (written.ok) for (const token of tokensOf(card)) passBack.addBeside(token, rideSeq, beside);
      return written;
    },
    ride: (card, where) => earlierOf(card, placeOf(where), moment()),
    rodeElsewhere({ tokenId, formerTokenId, ageMs, companions, bags }, where) {
      // Who got on at another door gets off here.
      if (way === 'out') return;
      const ride = { ageMs, vehicleId: placeOf(where), companions, ...(bags && { bags }) };
      passBack.rodeElsewhere(tokenId, ride, moment());
      if (formerTokenId !== undefined) passBack.rodeElsewhere(formerTokenId, ride, moment());
    },
    forgetRides: () => passBack.clear(),
  };
}
