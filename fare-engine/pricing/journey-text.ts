/** The sentence of a journey's step in four languages: how it ended, or what its missing tap costs. */
import type { StepLanguage } from './step-text.ts';

/** What a sentence is made of; every part is text already. */
interface JourneyParts {
  readonly after: string;
  /** `, постанова КМУ 354` or nothing. */
  readonly act: string;
  readonly p: Readonly<Record<string, string>>;
}

type Texts = Readonly<Record<string, (x: JourneyParts) => string>>;

const stop = ({ p }: JourneyParts, words: string): string => (p['stop'] ? `, ${words} ${p['stop']}` : '');
const unsure = ({ p }: JourneyParts, words: string): string => (p['unsure'] ? `, ${words}` : '');
const flat = ({ p }: JourneyParts): boolean => p['missing'] === 'flat';
const free = ({ p }: JourneyParts): boolean => p['missing'] === 'free';

const uk: Texts = {
  finished: (x) =>
    `Поїздку завершено реєстрацією виходу${stop(x, 'зупинка')}, ${x.p['minutes']} хв${unsure(x, 'найдешевша з можливих зон')}`,
  repair: (x) =>
    `Вихід не зареєстровано, поїздку завершено за повідомленням пасажира${stop(x, 'зупинка')}, ${x.p['minutes']} хв${x.act}`,
  completion: (x) =>
    `Вихід не зареєстровано, поїздку завершено звичайною зупинкою${stop(x, 'зупинка')}${x.act}`,
  breakdown: (x) => `Транспорт зламався, вихід не вимагається: найдешевша з можливих поїздок${x.act}`,
  'no-exit': (x) =>
    free(x)
      ? `Вихід не зареєстровано: за це не стягується нічого`
      : flat(x)
        ? `Вихід не зареєстровано протягом ${x.p['limitMinutes']} хв: ${x.after}${x.act}`
        : `Вихід не зареєстровано протягом ${x.p['limitMinutes']} хв: найдорожча поїздка звідси, ${x.after}${x.act}`,
  'no-entry': (x) =>
    free(x)
      ? `Вхід не зареєстровано: за це не стягується нічого`
      : flat(x)
        ? `Вхід не зареєстровано: ${x.after}${x.act}`
        : `Вхід не зареєстровано: найдорожча поїздка сюди, ${x.after}${x.act}`,
  'not-owed': (x) =>
    `Частина пільги, якої бюджет не відшкодовує, бо поїздка не повна: далі ${x.after}${x.act}`,
  exit: (x) => `Реєстрація виходу, поїздка тривала ${x.p['minutes']} хв, без оплати`,
  cancelled: (x) =>
    `Без оплати: вихід на тій самій зупинці через ${x.p['seconds']} с (дозволено ${x.p['limitSeconds']} с)${x.act}`,
};

const en: Texts = {
  finished: (x) =>
    `The journey ended with a tap on leaving${stop(x, 'stop')}, ${x.p['minutes']} min${unsure(x, 'the cheapest area that may be meant')}`,
  repair: (x) =>
    `No tap on leaving, the journey ended as the passenger told${stop(x, 'stop')}, ${x.p['minutes']} min${x.act}`,
  completion: (x) => `No tap on leaving, the journey ended at the usual stop${stop(x, 'stop')}${x.act}`,
  breakdown: (x) =>
    `The vehicle broke down, no tap on leaving is asked: the cheapest journey that may be meant${x.act}`,
  'no-exit': (x) =>
    free(x)
      ? `No tap on leaving: nothing is owed for it`
      : flat(x)
        ? `No tap on leaving within ${x.p['limitMinutes']} min: ${x.after}${x.act}`
        : `No tap on leaving within ${x.p['limitMinutes']} min: the dearest journey from here, ${x.after}${x.act}`,
  'no-entry': (x) =>
    free(x)
      ? `No tap on entering: nothing is owed for it`
      : flat(x)
        ? `No tap on entering: ${x.after}${x.act}`
        : `No tap on entering: the dearest journey to here, ${x.after}${x.act}`,
  'not-owed': (x) =>
    `The part of the concession that no budget pays, as the journey is not whole: ${x.after} remains${x.act}`,
  exit: (x) => `Tap on leaving, the journey lasted ${x.p['minutes']} min, no charge`,
  cancelled: (x) =>
    `Not charged: left at the same stop after ${x.p['seconds']} s (${x.p['limitSeconds']} s allowed)${x.act}`,
};

const de: Texts = {
  finished: (x) =>
    `Die Fahrt endete mit der Abmeldung${stop(x, 'Haltestelle')}, ${x.p['minutes']} Min.${unsure(x, 'die günstigste mögliche Zone')}`,
  repair: (x) =>
    `Keine Abmeldung, die Fahrt endete wie vom Fahrgast angegeben${stop(x, 'Haltestelle')}, ${x.p['minutes']} Min.${x.act}`,
  completion: (x) =>
    `Keine Abmeldung, die Fahrt endete an der üblichen Haltestelle${stop(x, 'Haltestelle')}${x.act}`,
  breakdown: (x) =>
    `Das Fahrzeug hatte eine Panne, keine Abmeldung nötig: die günstigste mögliche Fahrt${x.act}`,
  'no-exit': (x) =>
    free(x)
      ? `Keine Abmeldung: dafür wird nichts berechnet`
      : flat(x)
        ? `Keine Abmeldung innerhalb von ${x.p['limitMinutes']} Min.: ${x.after}${x.act}`
        : `Keine Abmeldung innerhalb von ${x.p['limitMinutes']} Min.: die teuerste Fahrt von hier, ${x.after}${x.act}`,
  'no-entry': (x) =>
    free(x)
      ? `Keine Anmeldung: dafür wird nichts berechnet`
      : flat(x)
        ? `Keine Anmeldung: ${x.after}${x.act}`
        : `Keine Anmeldung: die teuerste Fahrt hierher, ${x.after}${x.act}`,
  'not-owed': (x) =>
    `Der Teil der Ermäßigung, den kein Haushalt trägt, weil die Fahrt nicht vollständig ist: es bleiben ${x.after}${x.act}`,
  exit: (x) => `Abmeldung, die Fahrt dauerte ${x.p['minutes']} Min., ohne Berechnung`,
  cancelled: (x) =>
    `Nicht berechnet: an derselben Haltestelle nach ${x.p['seconds']} s verlassen (erlaubt ${x.p['limitSeconds']} s)${x.act}`,
};

const pl: Texts = {
  finished: (x) =>
    `Przejazd zakończono rejestracją wyjścia${stop(x, 'przystanek')}, ${x.p['minutes']} min${unsure(x, 'najtańsza możliwa strefa')}`,
  repair: (x) =>
    `Brak rejestracji wyjścia, przejazd zakończono według zgłoszenia pasażera${stop(x, 'przystanek')}, ${x.p['minutes']} min${x.act}`,
  completion: (x) =>
    `Brak rejestracji wyjścia, przejazd zakończono na zwykłym przystanku${stop(x, 'przystanek')}${x.act}`,
  breakdown: (x) =>
    `Pojazd uległ awarii, rejestracja wyjścia nie jest wymagana: najtańszy możliwy przejazd${x.act}`,
  'no-exit': (x) =>
    free(x)
      ? `Brak rejestracji wyjścia: nie pobiera się za to nic`
      : flat(x)
        ? `Brak rejestracji wyjścia w ciągu ${x.p['limitMinutes']} min: ${x.after}${x.act}`
        : `Brak rejestracji wyjścia w ciągu ${x.p['limitMinutes']} min: najdroższy przejazd stąd, ${x.after}${x.act}`,
  'no-entry': (x) =>
    free(x)
      ? `Brak rejestracji wejścia: nie pobiera się za to nic`
      : flat(x)
        ? `Brak rejestracji wejścia: ${x.after}${x.act}`
        : `Brak rejestracji wejścia: najdroższy przejazd dotąd, ${x.after}${x.act}`,
  'not-owed': (x) =>
    `Część ulgi, której nie zwraca żaden budżet, bo przejazd jest niepełny: pozostaje ${x.after}${x.act}`,
  exit: (x) => `Rejestracja wyjścia, przejazd trwał ${x.p['minutes']} min, bez opłaty`,
  cancelled: (x) =>
    `Bez opłaty: wyjście na tym samym przystanku po ${x.p['seconds']} s (dozwolone ${x.p['limitSeconds']} s)${x.act}`,
};

const TEXTS: Readonly<Record<StepLanguage, Texts>> = { uk, en, de, pl };

/** Makes the sentence; a state of a later version is shown as it is. */
export function journeyText(language: StepLanguage, parts: JourneyParts): string {
  const state = parts.p['state'] ?? '';
  return TEXTS[language][state]?.(parts) ?? state;
}
