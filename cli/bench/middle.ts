/** Of several measurements the one in the middle: a machine that others share has slow minutes and fast ones. */

/** The value in the middle; of an even number the greater of the two. */
export function middleOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
