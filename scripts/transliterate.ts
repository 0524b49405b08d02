/**
 * Ukrainian names in Latin letters: by the rule of the Cabinet of Ministers (resolution 55 of 27 January 2010) for
 * English and German, by Polish spelling for Polish. Proper names only; words with a meaning are translated by hand.
 */
type Table = Readonly<Record<string, string>>;

const OFFICIAL: Table = {
  ...{ а: 'a', б: 'b', в: 'v', г: 'h', ґ: 'g', д: 'd', е: 'e', є: 'ie', ж: 'zh', з: 'z', и: 'y', і: 'i' },
  ...{ ї: 'i', й: 'i', к: 'k', л: 'l', м: 'm', н: 'n', о: 'o', п: 'p', р: 'r', с: 's', т: 't', у: 'u' },
  ...{ ф: 'f', х: 'kh', ц: 'ts', ч: 'ch', ш: 'sh', щ: 'shch', ю: 'iu', я: 'ia', ь: '', '’': '' },
};
/** At the beginning of a word. */
const OFFICIAL_FIRST: Table = { є: 'ye', ї: 'yi', й: 'y', ю: 'yu', я: 'ya' };

const POLISH: Table = {
  ...{ а: 'a', б: 'b', в: 'w', г: 'h', ґ: 'g', д: 'd', е: 'e', ж: 'ż', з: 'z', и: 'y', і: 'i', ї: 'ji' },
  ...{ й: 'j', к: 'k', л: 'ł', м: 'm', н: 'n', о: 'o', п: 'p', р: 'r', с: 's', т: 't', у: 'u', ф: 'f' },
  ...{ х: 'ch', ц: 'c', ч: 'cz', ш: 'sz', щ: 'szcz', '’': '' },
};
const IOTATED: Table = { є: 'e', ю: 'u', я: 'a' };
const SOFT: Table = { з: 'ź', с: 'ś', ц: 'ć', н: 'ń', л: 'l', д: 'd', т: 't' };

/** English and German. */
export function latin(text: string): string {
  return letters(text.replaceAll('зг', 'zgh').replaceAll('Зг', 'Zgh'), (letter, before) =>
    isLetter(before) ? OFFICIAL[letter] : (OFFICIAL_FIRST[letter] ?? OFFICIAL[letter]),
  );
}

/** Polish: soft consonants and iotated vowels by their neighbours. */
export function polish(text: string): string {
  return letters(text, (letter, before, after) => {
    const vowel = IOTATED[letter];
    if (vowel !== undefined) {
      if (!isConsonant(before)) return `j${vowel}`;
      return before === 'л' ? vowel : `i${vowel}`;
    }
    if (letter === 'ь') return '';
    if (letter === 'л' && /[ьіюяє]/.test(after)) return 'l';
    return after === 'ь' ? (SOFT[letter] ?? POLISH[letter]) : POLISH[letter];
  });
}

function letters(
  text: string,
  spell: (letter: string, before: string, after: string) => string | undefined,
): string {
  const all = [...text];
  return all
    .map((own, i) => {
      const letter = own.toLowerCase();
      const spelt = spell(letter, (all[i - 1] ?? '').toLowerCase(), (all[i + 1] ?? '').toLowerCase());
      if (spelt === undefined) return own;
      return own === letter ? spelt : spelt.charAt(0).toUpperCase() + spelt.slice(1);
    })
    .join('');
}

const isLetter = (letter: string): boolean => /[\p{L}’]/u.test(letter);
const isConsonant = (letter: string): boolean => /[бвгґджзйклмнпрстфхцчшщ]/.test(letter);
