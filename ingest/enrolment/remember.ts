/**
 * Makes something costly at most once in `forMs`, for everybody who asks: also those who ask while it is made share it. A
 * failure is not remembered. Pure: the time goes in.
 */
export function remember<T>(
  make: () => Promise<T>,
  options: { readonly forMs: number; readonly monotonicMs: () => number },
): () => Promise<T> {
  let made: { readonly value: Promise<T>; readonly atMs: number } | undefined;
  return () => {
    const nowMs = options.monotonicMs();
    if (made && nowMs - made.atMs < options.forMs) return made.value;
    const mine = { value: make(), atMs: nowMs };
    made = mine;
    mine.value.catch(() => {
      if (made === mine) made = undefined;
    });
    return mine.value;
  };
}
