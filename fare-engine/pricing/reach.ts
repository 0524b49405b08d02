/** How far from a tap something else may still concern it, whatever a tariff or a clock says. */

/** Largest pass-back that a tariff can set (tariff-schema.ts): older touches never matter. */
export const PASS_BACK_MS_MAX = 3_600_000;
/** A tap's uncertainty counts up to here; more than an hour is no evidence of anything. */
export const UNCERTAINTY_MS_MAX = 3_600_000;
