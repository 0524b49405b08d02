/** Sentences of the findings: Ukrainian, English, German, Polish, in this order in each row. Numbers come from the evidence. */
import type { RuleId } from './finding.ts';

export const FINDING_WORDS: Readonly<Record<RuleId, readonly [string, string, string, string]>> = {
  'impossible-speed': [
    'Дві реєстрації одного рахунку на відстані {distanceM} м за {gapS} с: {speedKmh} км/год, більше за {speedKmhMax} км/год. Носіїв: {media}.',
    'Two taps of one account, {distanceM} m apart within {gapS} s: {speedKmh} km/h, more than {speedKmhMax} km/h. Media: {media}.',
    'Zwei Registrierungen eines Kontos, {distanceM} m auseinander in {gapS} s: {speedKmh} km/h, mehr als {speedKmhMax} km/h. Medien: {media}.',
    'Dwie rejestracje jednego konta w odległości {distanceM} m w ciągu {gapS} s: {speedKmh} km/h, więcej niż {speedKmhMax} km/h. Nośniki: {media}.',
  ],
  'two-vehicles-at-once': [
    'Один рахунок у двох транспортних засобах одночасно: реєстрацій {taps}, між першою та останньою щонайбільше {spanS} с. Носіїв: {media}.',
    'One account in two vehicles at once: {taps} taps, at most {spanS} s between the first and the last. Media: {media}.',
    'Ein Konto gleichzeitig in zwei Fahrzeugen: {taps} Registrierungen, höchstens {spanS} s zwischen der ersten und der letzten. Medien: {media}.',
    'Jedno konto w dwóch pojazdach jednocześnie: rejestracji {taps}, najwyżej {spanS} s między pierwszą a ostatnią. Nośniki: {media}.',
  ],
  'series-on-vehicle': [
    'Пільгова картка в одному транспортному засобі: {ridesInWindow} поїздок за {windowS} с (межа {ridesInWindowMin}), за день {ridesOfDay} (межа {ridesOfDayMin}).',
    'A concession card on one vehicle: {ridesInWindow} rides within {windowS} s (limit {ridesInWindowMin}), {ridesOfDay} in the day (limit {ridesOfDayMin}).',
    'Eine Ermäßigungskarte in einem Fahrzeug: {ridesInWindow} Fahrten in {windowS} s (Grenze {ridesInWindowMin}), {ridesOfDay} am Tag (Grenze {ridesOfDayMin}).',
    'Karta ulgowa w jednym pojeździe: {ridesInWindow} przejazdów w ciągu {windowS} s (granica {ridesInWindowMin}), {ridesOfDay} w ciągu dnia (granica {ridesOfDayMin}).',
  ],
  'use-after-death': [
    'Картку померлої особи використано: реєстрацій за день {taps}, з них до відшкодування {claimed}; перша через {hoursAfter} год після смерті (враховано {graceH} год).',
    'The card of a person who has died was used: {taps} taps in the day, {claimed} of them claimed; the first {hoursAfter} h after the death ({graceH} h allowed).',
    'Die Karte einer verstorbenen Person wurde benutzt: {taps} Registrierungen am Tag, {claimed} davon abgerechnet; die erste {hoursAfter} h nach dem Tod ({graceH} h zugestanden).',
    'Użyto karty osoby zmarłej: rejestracji w ciągu dnia {taps}, w tym rozliczonych {claimed}; pierwsza {hoursAfter} h po śmierci (uwzględniono {graceH} h).',
  ],
  'claim-after-end': [
    'Поїздки до відшкодування за правом, яке вже закінчилося: {taps} за день, перша через {hoursAfter} год після його кінця.',
    'Rides claimed under a right that had ended: {taps} in the day, the first {hoursAfter} h after its end.',
    'Abgerechnete Fahrten nach dem Ende des Anspruchs: {taps} am Tag, die erste {hoursAfter} h danach.',
    'Przejazdy rozliczone z prawa, które wygasło: {taps} w ciągu dnia, pierwszy {hoursAfter} h po jego końcu.',
  ],
  'category-out-of-proportion': [
    'Категорія {concessionId}: {ridesOfCategory} поїздок із {rides}, очікувано {ridesExpected} (у {times} раза більше; межа {timesMin}). Осіб: {riders}. Шанс випадковості 1 до 10^{oddsAgainstLog10}.',
    'Category {concessionId}: {ridesOfCategory} rides of {rides}, {ridesExpected} expected ({times} times as many; limit {timesMin}). People: {riders}. Odds against chance 10^{oddsAgainstLog10} to 1.',
    'Personengruppe {concessionId}: {ridesOfCategory} Fahrten von {rides}, erwartet {ridesExpected} ({times}-mal so viele; Grenze {timesMin}). Personen: {riders}. Gegen den Zufall steht es 10^{oddsAgainstLog10} zu 1.',
    'Kategoria {concessionId}: {ridesOfCategory} przejazdów z {rides}, oczekiwano {ridesExpected} ({times} razy tyle; granica {timesMin}). Osób: {riders}. Przeciw przypadkowi 10^{oddsAgainstLog10} do 1.',
  ],
  'silent-validator': [
    'Валідатор {deviceId} мовчав {quietS} с, а сусідні мали {neighbourBoardings} посадок (звичайна частка валідатора {sharePermille} ‰). Шанс випадковості 1 до 10^{oddsAgainstLog10}.',
    'The validator {deviceId} was silent for {quietS} s while its neighbours had {neighbourBoardings} boardings (its own part is {sharePermille} ‰). Odds against chance 10^{oddsAgainstLog10} to 1.',
    'Der Entwerter {deviceId} schwieg {quietS} s, während seine Nachbarn {neighbourBoardings} Einstiege hatten (sein Anteil ist {sharePermille} ‰). Gegen den Zufall steht es 10^{oddsAgainstLog10} zu 1.',
    'Kasownik {deviceId} milczał {quietS} s, a sąsiednie miały {neighbourBoardings} wsiadań (jego udział to {sharePermille} ‰). Przeciw przypadkowi 10^{oddsAgainstLog10} do 1.',
  ],
};
