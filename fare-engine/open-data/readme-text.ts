/** The README of a published version: what a re-user has to know before the first sum, in four languages. Pure. */
import type { OpenDataFile } from './open-data-file.ts';

interface Words {
  readonly title: (city: string) => string;
  readonly lines: (about: OpenDataFile) => readonly string[];
  readonly licence: string;
  readonly source: string;
}

const WORDS: Readonly<Record<'uk' | 'en' | 'de' | 'pl', Words>> = {
  uk: {
    title: (city) => `${city}: поїздки та виручка за маршрутами і днями`,
    lines: ({ cellMin }) => [
      'Один рядок — один маршрут за одну добу перевізного дня (`service_date`); день починається о годині, яку визначило місто.',
      '`num_riders` — посадки разом із супутниками та пересадками; `amount` — скільки сплатили пасажири, без компенсацій бюджету.',
      `Порожня клітинка — число приховано (\`suppressed\` = true), а не нуль: менше ${cellMin} поїздок чи людей або число, що їх видало б.`,
      'Суми за маршрутами, де є порожні клітинки, — це лише нижня межа. Денні суми — у `rides-by-day`.',
      'Версії не змінюються: уточнення виходять новою версією, старі лишаються. Файли, розміри й хеші — в `../index.json`.',
      '`tariffs/` — тарифи у форматі GTFS Fares v2; беріть їх разом із GTFS міста. Чого формат не передає, сказано в `tariffs.json` (`notExpressed`).',
    ],
    licence: 'Ліцензія',
    source: 'Джерело',
  },
  en: {
    title: (city) => `${city}: riders and revenue by route and day`,
    lines: ({ cellMin }) => [
      'One row is one route on one fare day (`service_date`); the day begins at the hour that the city has set.',
      '`num_riders` are boardings with companions and transfers; `amount` is what riders paid, without compensation by the budget.',
      `An empty cell is withheld (\`suppressed\` = true), not zero: fewer than ${cellMin} rides or people, or a number that would tell them.`,
      'Sums over routes with empty cells are lower bounds. Whole days are in `rides-by-day`.',
      'A version never changes: corrections come as the next one, and the old ones stay. Files, sizes and hashes: `../index.json`.',
      '`tariffs/` has the tariffs as GTFS Fares v2; use them with the city’s GTFS. What the format cannot say is in `tariffs.json` (`notExpressed`).',
    ],
    licence: 'Licence',
    source: 'Source',
  },
  de: {
    title: (city) => `${city}: Fahrgäste und Einnahmen nach Linie und Tag`,
    lines: ({ cellMin }) => [
      'Eine Zeile ist eine Linie an einem Tariftag (`service_date`); er beginnt zu der Stunde, die die Stadt festgelegt hat.',
      '`num_riders` sind Einstiege mit Begleitern und Umstiegen; `amount` ist, was Fahrgäste gezahlt haben, ohne Ausgleich aus dem Haushalt.',
      `Eine leere Zelle ist zurückgehalten (\`suppressed\` = true), nicht null: weniger als ${cellMin} Fahrten oder Personen, oder eine Zahl, die sie verriete.`,
      'Summen über Linien mit leeren Zellen sind Untergrenzen. Ganze Tage stehen in `rides-by-day`.',
      'Eine Version ändert sich nie: Berichtigungen kommen als nächste, die alten bleiben. Dateien, Größen und Hashes: `../index.json`.',
      '`tariffs/` hat die Tarife als GTFS Fares v2, zusammen mit dem GTFS der Stadt zu verwenden. Was das Format nicht sagen kann: `tariffs.json` (`notExpressed`).',
    ],
    licence: 'Lizenz',
    source: 'Quelle',
  },
  pl: {
    title: (city) => `${city}: pasażerowie i przychody według linii i dnia`,
    lines: ({ cellMin }) => [
      'Wiersz to jedna linia w jednym dniu taryfowym (`service_date`); dzień zaczyna się o godzinie ustalonej przez miasto.',
      '`num_riders` to wejścia z osobami towarzyszącymi i przesiadkami; `amount` to zapłata pasażerów, bez rekompensat z budżetu.',
      `Pusta komórka jest ukryta (\`suppressed\` = true), nie zerowa: mniej niż ${cellMin} przejazdów lub osób albo liczba, która by je zdradziła.`,
      'Sumy linii z pustymi komórkami to dolne granice. Całe dni są w `rides-by-day`.',
      'Wersja się nie zmienia: poprawki są następną wersją, stare zostają. Pliki, rozmiary i skróty: `../index.json`.',
      '`tariffs/` zawiera taryfy w formacie GTFS Fares v2, do użycia z GTFS miasta. Czego format nie wyraża: `tariffs.json` (`notExpressed`).',
    ],
    licence: 'Licencja',
    source: 'Źródło',
  },
};
type Language = keyof typeof WORDS;
const LANGUAGES = Object.keys(WORDS) as Language[];

/** Markdown, Ukrainian first. */
export function readmeText(cityNames: Readonly<Record<Language, string>>, about: OpenDataFile): string {
  const { licence, source } = about;
  return LANGUAGES.map((language) => {
    const words = WORDS[language];
    const lines = [
      ...words.lines(about),
      `${words.licence}: [${licence.title}](${licence.path}) (${licence.name}).`,
      `${words.source}: ${source.path === undefined ? source.title : `[${source.title}](${source.path})`}.`,
    ];
    return `# ${words.title(cityNames[language])}\n\n${lines.map((line) => `- ${line}\n`).join('')}`;
  }).join('\n');
}
