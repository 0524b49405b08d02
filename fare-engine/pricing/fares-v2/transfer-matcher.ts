/**
 * Which transfer rules apply between two fare legs (GTFS fare_transfer_rules.txt).
 *
 * Directional. An empty group stands for every leg group that its column does not list; a leg without a group never
 * transfers. Consecutive transfers within one leg group, or under rules that are empty on both sides, form a run:
 * `transfer_count` counts them and `duration_limit` is measured from the run's first leg; of any other transfer the
 * duration is measured from the leg before. A duration equal to the limit is within it: the text does not say, and
 * other engines read it so. Of several counts the smallest that still covers the transfer is taken.
 */
import { compareText } from '../file-problem.ts';
import type { FareFeed, TransferRule } from './fare-feed.ts';

/** Times of a fare leg that durations are measured between. */
export interface LegTimes {
  readonly departureMs: number;
  readonly arrivalMs: number;
}

export interface TransferQuestion {
  readonly fromGroupId: string;
  readonly toGroupId: string;
  /** First leg of the run that this transfer goes on (`goesOn`), or the leg before. */
  readonly first: LegTimes;
  readonly last: LegTimes;
  /** Number that this transfer would have in its run, from 1. */
  readonly count: number;
  /** Time by which durations may be too long because clocks are uncertain. */
  readonly slackMs?: number;
}

export interface TransferMatcher {
  /** The feed has no transfer rules. */
  readonly empty: boolean;
  /** Whether a transfer between two groups is one of a run: counted, and timed from the run's first leg. */
  inRun(fromGroupId: string, toGroupId: string): boolean;
  /** Whether such a transfer goes on the run of the counted transfer into its first group; else it begins one. */
  goesOn(fromGroupId: string, toGroupId: string): boolean;
  /**
   * Rules that apply, ordered by rule id; empty = the legs are separate. `usable` says whether a rule's product is
   * sold to the payer: a transfer that cannot be bought does not apply.
   */
  match(question: TransferQuestion, usable: (rule: TransferRule) => boolean): readonly TransferRule[];
}

const NONE: readonly TransferRule[] = [];

/** Builds the index by pair of groups. */
export function createTransferMatcher(feed: FareFeed): TransferMatcher {
  const rules = [...feed.transferRules].sort((a, b) => compareText(a.ruleId, b.ruleId));
  const listedFrom = new Set(rules.map((r) => r.fromLegGroupId).filter((id) => id !== ''));
  const listedTo = new Set(rules.map((r) => r.toLegGroupId).filter((id) => id !== ''));
  const byPair = new Map<string, Map<string, TransferRule[]>>();
  for (const rule of rules) {
    const byTo = byPair.get(rule.fromLegGroupId) ?? new Map<string, TransferRule[]>();
    byPair.set(rule.fromLegGroupId, byTo);
    byTo.set(rule.toLegGroupId, [...(byTo.get(rule.toLegGroupId) ?? []), rule]);
  }
  // The value under which a column speaks of a group.
  const fromOf = (groupId: string) => (listedFrom.has(groupId) ? groupId : '');
  const toOf = (groupId: string) => (listedTo.has(groupId) ? groupId : '');
  const sameField = (fromGroupId: string, toGroupId: string) => fromOf(fromGroupId) === toOf(toGroupId);
  return {
    empty: rules.length === 0,
    inRun: (fromGroupId, toGroupId) => fromGroupId === toGroupId || sameField(fromGroupId, toGroupId),
    goesOn: (fromGroupId, toGroupId) =>
      sameField(fromGroupId, toGroupId) ? toOf(fromGroupId) === toOf(toGroupId) : fromGroupId === toGroupId,
    match(question, usable) {
      const { fromGroupId, toGroupId } = question;
      if (fromGroupId === '' || toGroupId === '') return [];
      const named = byPair.get(fromOf(fromGroupId))?.get(toOf(toGroupId)) ?? NONE;
      const fitting = named.filter(
        (rule) => rule.transferCount >= question.count && withinDuration(rule, question) && usable(rule),
      );
      if (fitting.length < 2) return fitting;
      const smallest = Math.min(...fitting.map((r) => r.transferCount));
      return fitting.filter((r) => r.transferCount === smallest);
    },
  };
}

function withinDuration(rule: TransferRule, { first, last, slackMs = 0 }: TransferQuestion): boolean {
  if (rule.durationLimitS === null) return true;
  return durationMs(rule, first, last) - slackMs <= rule.durationLimitS * 1000;
}

/** The measured duration by `duration_limit_type`. */
export function durationMs(rule: TransferRule, first: LegTimes, last: LegTimes): number {
  const type = rule.durationLimitType;
  const from = type === 0 || type === 1 ? first.departureMs : first.arrivalMs;
  const to = type === 0 || type === 3 ? last.arrivalMs : last.departureMs;
  return to - from;
}
