/**
 * The numbers by which one agent lives, apart from the city's own policy.
 */
import { UPLOAD_LIMITS, type UploadLimits } from './upload.ts';

/** Numbers of one agent; times are real milliseconds unless the name says otherwise. */
export interface AgentLimits {
  /** How long an answer stays on the screen when no next card comes. */
  readonly answerShownMs: number;
  /** How long the question for a companion waits, and the menu of a driver. */
  readonly companionMs: number;
  /** A touch sooner after the question is the card still fluttering at the reader's edge, and no answer. */
  readonly companionTouchMs: number;
  readonly staffMs: number;
  /** How long the panel speaks the language that a key has chosen. */
  readonly languageMs: number;
  /** Without a reader for so long a validator is out of order. */
  readonly readerLostMs: number;
  /** City milliseconds after which a deny list that nobody vouched for is a warning. */
  readonly listOldMs: number;
  readonly healthIntervalMs: number;
  /** How often the agent looks after its screen and a failed disk. */
  readonly tickMs: number;
  readonly refusalBurst: number;
  readonly refusalRefillMs: number;
  readonly syncRoundTripMsMax: number;
  /** Between two questions for the city's time, once there was an answer. */
  readonly timeAskEveryMs: number;
  /** City milliseconds. */
  readonly syncRecordEveryMs: number;
  /** Rides read back from the journal at a start. */
  readonly rebuildRecordsMax: number;
  readonly upload: UploadLimits;
}

/** Part of the journal's capacity at which the driver and the log are warned. */
export const NEARLY_FULL = 0.8;

export const AGENT_LIMITS: AgentLimits = {
  answerShownMs: 1500,
  companionMs: 6000,
  companionTouchMs: 1500,
  staffMs: 60_000,
  languageMs: 30_000,
  readerLostMs: 5000,
  listOldMs: 3_600_000,
  healthIntervalMs: 15_000,
  tickMs: 1000,
  refusalBurst: 60,
  refusalRefillMs: 2000,
  syncRoundTripMsMax: 2000,
  timeAskEveryMs: 600_000,
  syncRecordEveryMs: 600_000,
  rebuildRecordsMax: 2048,
  upload: UPLOAD_LIMITS,
};
