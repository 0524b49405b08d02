/** What an inspector sees, before it becomes words. */

import type { PenaltyRule } from '#contracts/enrolment.ts';
import type { RefusalCode } from '#contracts/reason-codes.ts';
import type { CheckResult, PenaltyProtocol } from '#contracts/record.ts';

/** A result of a check, or what is to be done first. `not-written`: the journal took no record, so nothing counts. */
export type InspectorSign = 'closed' | 'choose-vehicle' | 'ready' | 'not-written' | CheckResult;

/** A ride that stands, for people. */
export interface RideShown {
  readonly atMs: number;
  readonly companions: number;
  readonly bags?: number;
}

export interface InspectorView {
  readonly sign: InspectorSign;
  readonly online: boolean;
  /** City time of the view. */
  readonly atMs: number;
  readonly vehicleId?: string;
  readonly routeId?: string;
  readonly staffId?: string;
  readonly reason?: RefusalCode;
  readonly ride?: RideShown;
  /** On what the result stands. */
  readonly evidence?: 'card-log' | 'vehicle' | 'none';
  /** Validators of the vehicle that were out of order or do not answer. */
  readonly outOfOrder?: readonly string[];
  readonly protocol?: PenaltyProtocol & Pick<PenaltyRule, 'actNames'>;
}

/** Where views go. */
export interface InspectorScreen {
  show(view: InspectorView): void;
}
