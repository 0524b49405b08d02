/** The name that was probably meant by one that nobody knows: misspelt, cut short, or with letters that only look right. */

/** Cyrillic and Greek letters, and below each the Latin one that looks like it. */
const LOOKS = 'авекмнорстухіїјѕԁһԛԝАВЕКМНОРСТУХІЇЈЅαορν';
const LATIN = 'abekmhopctyxiijsdhqwABEKMHOPCTYXIIJSaopv';
const LATIN_OF: ReadonlyMap<string, string> = new Map(
  [...LOOKS].map((letter, i) => [letter, LATIN[i] as string]),
);

/** A text in which letters that look alike are the same. */
export function looksOf(text: string): string {
  return [...text].map((letter) => LATIN_OF.get(letter) ?? letter).join('');
}

/** Whether one run of letters has those of two alphabets: whoever reads `cіty` does not see that it is not `city`. */
export function mixesAlphabets(text: string): boolean {
  return (text.match(/\p{L}+/gu) ?? []).some(
    (word) => /\p{Script=Latin}/u.test(word) && /[\p{Script=Cyrillic}\p{Script=Greek}]/u.test(word),
  );
}

/** The known name that is nearest to one, if any is near. */
export function nearestName(name: string, known: Iterable<string>): string | undefined {
  const asked = looksOf(name.slice(0, 100)).toLowerCase();
  let best: { readonly name: string; readonly steps: number } | undefined;
  for (const other of known) {
    const steps = stepsBetween(asked, other.toLowerCase());
    const near = steps * 2 <= Math.max(asked.length, other.length) || isPart(asked, other);
    if (near && (best === undefined || steps < best.steps)) best = { name: other, steps };
  }
  return best?.name;
}

/** Whole words of a name, such as `medium_id` has of `fare_medium_id`. */
function isPart(asked: string, known: string): boolean {
  return asked.length > 1 && `_${known}_`.includes(`_${asked}_`);
}

/** Letters to add, remove or change between two texts. */
function stepsBetween(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (b[j - 1] === letter ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
