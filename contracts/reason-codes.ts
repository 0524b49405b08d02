/**
 * Reason codes: every expected refusal has one, and every code has a sentence in four languages. A code without a
 * text does not compile; a code without a line in docs/REASON-CODES.md fails tests/tidy.
 */
import { type Static, Type } from 'typebox';

export const LANGUAGES = ['uk', 'en', 'de', 'pl'] as const;
export type Language = (typeof LANGUAGES)[number];

/** One sentence in each language. */
export type Text = Readonly<Record<Language, string>>;

/** Why a validator showed red. The passenger reads the text on its screen. */
export const REFUSAL_CODES = [
  'CARD_UNREADABLE',
  'CARD_UNKNOWN',
  'CARD_EXPIRED',
  'CARD_NOT_YET_VALID',
  'CARD_DENIED',
  'CARD_BLOCKED',
  'CARD_REPLACED',
  'CARD_LOCKED',
  'CARD_FOREIGN',
  'CARD_NOT_GENUINE',
  'CARDS_SEVERAL',
  'MEDIUM_NOT_TAKEN',
  'BANK_CARD_NOT_TAKEN',
  'PHONE_LOCKED',
  'VALIDATOR_OUT_OF_ORDER',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];
export const RefusalCode = Type.Union(
  REFUSAL_CODES.map((code) => Type.Literal(code)),
) as unknown as ReturnType<typeof Type.Unsafe<RefusalCode>>;

/** Why ingest quarantined what it was given. */
export const REJECTION_CODES = [
  'INGEST_MALFORMED',
  'INGEST_TOO_LARGE',
  'INGEST_WRONG_TOPIC',
  'INGEST_UNKNOWN_DEVICE',
  'INGEST_DEVICE_REVOKED',
  'INGEST_BAD_SIGNATURE',
  'INGEST_BROKEN_CHAIN',
  'INGEST_UNSUPPORTED_KIND',
  'INGEST_CONFLICT',
] as const;
export type RejectionCode = (typeof REJECTION_CODES)[number];
export const RejectionCode = Type.Union(
  REJECTION_CODES.map((code) => Type.Literal(code)),
) as unknown as ReturnType<typeof Type.Unsafe<RejectionCode>>;

/** Why an accepted tap is marked: none of these keeps it from being priced. */
export const FLAG_CODES = [
  'CLOCK_UNSYNCED',
  'CLOCK_FAR_FROM_RECEIPT',
  'CLOCK_OTHER_BOOT',
  'CLOCK_SETTLED',
  'CLOCK_CORRECTED',
  'LATE',
  'STOP_UNSURE',
  'UNLINKED',
  'FORKED_EPOCH',
] as const;
export type FlagCode = (typeof FLAG_CODES)[number];

/** Any code with a text. */
export type ReasonCode = RefusalCode | RejectionCode | FlagCode;
export type RefusalCodeWire = Static<typeof RefusalCode>;

/** The sentences. Plain words; for refusals they say what the passenger can do. */
export const REASON_TEXTS: Readonly<Record<ReasonCode, Text>> = {
  CARD_UNREADABLE: {
    uk: 'Картку не прочитано. Прикладіть її ще раз і потримайте.',
    en: 'The card could not be read. Hold it to the reader again.',
    de: 'Die Karte wurde nicht gelesen. Bitte noch einmal anhalten.',
    pl: 'Nie odczytano karty. Przyłóż ją jeszcze raz.',
  },
  CARD_UNKNOWN: {
    uk: 'Ця картка не є квитком у цьому місті.',
    en: 'This card is not a ticket in this city.',
    de: 'Diese Karte ist in dieser Stadt kein Fahrschein.',
    pl: 'Ta karta nie jest biletem w tym mieście.',
  },
  CARD_EXPIRED: {
    uk: 'Строк дії картки минув. Замініть її в пункті обслуговування.',
    en: 'The card has expired. Replace it at a service point.',
    de: 'Die Karte ist abgelaufen. Bitte in einer Servicestelle ersetzen.',
    pl: 'Karta straciła ważność. Wymień ją w punkcie obsługi.',
  },
  CARD_NOT_YET_VALID: {
    uk: 'Картка ще не почала діяти.',
    en: 'The card is not valid yet.',
    de: 'Die Karte ist noch nicht gültig.',
    pl: 'Karta nie jest jeszcze ważna.',
  },
  CARD_DENIED: {
    uk: 'Картку заблоковано. Причину покаже кабінет пасажира або пункт обслуговування.',
    en: 'The card is blocked. Your account page or a service point tells why.',
    de: 'Die Karte ist gesperrt. Den Grund nennt Ihr Konto oder eine Servicestelle.',
    pl: 'Karta jest zablokowana. Powód poda konto pasażera lub punkt obsługi.',
  },
  CARD_BLOCKED: {
    uk: 'Картку заявлено загубленою або викраденою. Зверніться до пункту обслуговування.',
    en: 'This card was reported lost or stolen. Please go to a service point.',
    de: 'Diese Karte wurde als verloren oder gestohlen gemeldet. Bitte wenden Sie sich an eine Servicestelle.',
    pl: 'Karta została zgłoszona jako zgubiona lub skradziona. Zgłoś się do punktu obsługi.',
  },
  CARD_REPLACED: {
    uk: 'Цю картку замінено на нову. Користуйтеся новою.',
    en: 'This card was replaced. Please use the new one.',
    de: 'Diese Karte wurde ersetzt. Bitte benutzen Sie die neue.',
    pl: 'Tę kartę wymieniono. Użyj nowej.',
  },
  CARD_LOCKED: {
    uk: 'Картка заблокована всередині й не відповідає. Її треба замінити.',
    en: 'The card itself is locked. It has to be replaced.',
    de: 'Die Karte selbst ist gesperrt. Sie muss ersetzt werden.',
    pl: 'Karta sama jest zablokowana. Trzeba ją wymienić.',
  },
  CARD_FOREIGN: {
    uk: 'Це картка іншого міста чи перевізника. Тут вона не діє.',
    en: 'This card belongs to another city or carrier. It is not valid here.',
    de: 'Diese Karte gehört zu einer anderen Stadt oder einem anderen Betrieb. Hier gilt sie nicht.',
    pl: 'To karta innego miasta lub przewoźnika. Tutaj nie jest ważna.',
  },
  CARD_NOT_GENUINE: {
    uk: 'Картка не довела, що вона справжня. Спробуйте ще раз або зверніться до пункту обслуговування.',
    en: 'The card could not prove that it is genuine. Try again, or go to a service point.',
    de: 'Die Karte konnte ihre Echtheit nicht beweisen. Noch einmal versuchen oder zur Servicestelle gehen.',
    pl: 'Karta nie potwierdziła autentyczności. Spróbuj ponownie lub zgłoś się do punktu obsługi.',
  },
  CARDS_SEVERAL: {
    uk: 'Біля зчитувача кілька карток. Приберіть усі й прикладіть одну.',
    en: 'There are several cards at the reader. Take all away, then hold one.',
    de: 'Es sind mehrere Karten am Leser. Alle wegnehmen, dann eine anhalten.',
    pl: 'Przy czytniku jest kilka kart. Zabierz wszystkie i przyłóż jedną.',
  },
  MEDIUM_NOT_TAKEN: {
    uk: 'Такі картки тут не приймають.',
    en: 'Cards of this kind are not taken here.',
    de: 'Karten dieser Art werden hier nicht angenommen.',
    pl: 'Takich kart tutaj się nie przyjmuje.',
  },
  BANK_CARD_NOT_TAKEN: {
    uk: 'Цю банківську картку тут не приймають. Спробуйте іншу картку.',
    en: 'This bank card is not taken here. Try another card.',
    de: 'Diese Bankkarte wird hier nicht angenommen. Bitte eine andere Karte versuchen.',
    pl: 'Ta karta bankowa nie jest tu przyjmowana. Użyj innej karty.',
  },
  PHONE_LOCKED: {
    uk: 'Розблокуйте телефон і прикладіть його ще раз.',
    en: 'Unlock your phone and hold it to the reader again.',
    de: 'Bitte das Telefon entsperren und noch einmal anhalten.',
    pl: 'Odblokuj telefon i przyłóż go jeszcze raz.',
  },
  VALIDATOR_OUT_OF_ORDER: {
    uk: 'Валідатор не працює. Скористайтеся іншим; штрафу за це не буде.',
    en: 'This validator is out of order. Use another one; you will not be fined for it.',
    de: 'Dieser Entwerter ist außer Betrieb. Nutzen Sie einen anderen; eine Strafe gibt es dafür nicht.',
    pl: 'Kasownik nie działa. Użyj innego; nie będzie za to kary.',
  },
  INGEST_MALFORMED: {
    uk: 'Повідомлення не відповідає формату.',
    en: 'The message does not have the agreed form.',
    de: 'Die Nachricht hat nicht die vereinbarte Form.',
    pl: 'Wiadomość nie ma uzgodnionej formy.',
  },
  INGEST_TOO_LARGE: {
    uk: 'Повідомлення завелике.',
    en: 'The message is too large.',
    de: 'Die Nachricht ist zu groß.',
    pl: 'Wiadomość jest za duża.',
  },
  INGEST_WRONG_TOPIC: {
    uk: 'Повідомлення надійшло в тему іншого пристрою.',
    en: 'The message came on the topic of another device.',
    de: 'Die Nachricht kam auf dem Topic eines anderen Geräts.',
    pl: 'Wiadomość przyszła w temacie innego urządzenia.',
  },
  INGEST_UNKNOWN_DEVICE: {
    uk: 'Пристрій не зареєстровано.',
    en: 'The device is not registered.',
    de: 'Das Gerät ist nicht registriert.',
    pl: 'Urządzenie nie jest zarejestrowane.',
  },
  INGEST_DEVICE_REVOKED: {
    uk: 'Ключ пристрою відкликано.',
    en: "The device's key has been revoked.",
    de: 'Der Schlüssel des Geräts wurde widerrufen.',
    pl: 'Klucz urządzenia unieważniono.',
  },
  INGEST_BAD_SIGNATURE: {
    uk: 'Підпис пристрою не збігається.',
    en: "The device's signature does not hold.",
    de: 'Die Signatur des Geräts stimmt nicht.',
    pl: 'Podpis urządzenia się nie zgadza.',
  },
  INGEST_BROKEN_CHAIN: {
    uk: 'Записи в пакеті не пов’язані між собою.',
    en: 'The records of the batch do not link to each other.',
    de: 'Die Datensätze des Pakets hängen nicht zusammen.',
    pl: 'Zapisy w paczce nie są ze sobą powiązane.',
  },
  INGEST_UNSUPPORTED_KIND: {
    uk: 'Цей вид запису тут ще не відомий; його збережено.',
    en: 'This kind of record is not known here yet; it has been kept.',
    de: 'Diese Art Datensatz ist hier noch nicht bekannt; er wurde aufbewahrt.',
    pl: 'Ten rodzaj zapisu nie jest tu jeszcze znany; został zachowany.',
  },
  INGEST_CONFLICT: {
    uk: 'Під цим номером уже є інший запис.',
    en: 'Another record already stands under this number.',
    de: 'Unter dieser Nummer steht schon ein anderer Datensatz.',
    pl: 'Pod tym numerem jest już inny zapis.',
  },
  CLOCK_UNSYNCED: {
    uk: 'Годинник валідатора не звірено з містом.',
    en: "The validator's clock had not been synced with the city.",
    de: 'Die Uhr des Entwerters war nicht mit der Stadt abgeglichen.',
    pl: 'Zegar kasownika nie był zsynchronizowany z miastem.',
  },
  CLOCK_FAR_FROM_RECEIPT: {
    uk: 'Час запису далекий від часу його отримання.',
    en: 'The time of the record is far from the time it was received.',
    de: 'Die Zeit des Datensatzes liegt weit vom Empfang entfernt.',
    pl: 'Czas zapisu jest odległy od czasu odbioru.',
  },
  STOP_UNSURE: {
    uk: 'Валідатор не був певен зупинки.',
    en: 'The validator was not sure of the stop.',
    de: 'Der Entwerter war sich der Haltestelle nicht sicher.',
    pl: 'Kasownik nie był pewien przystanku.',
  },
  CLOCK_OTHER_BOOT: {
    uk: 'Після звірки годинника валідатор перезавантажено.',
    en: 'The validator was restarted after its clock was synced.',
    de: 'Der Entwerter wurde nach dem Uhrenabgleich neu gestartet.',
    pl: 'Po synchronizacji zegara kasownik uruchomiono ponownie.',
  },
  CLOCK_SETTLED: {
    uk: 'Час визначено за пізнішою звіркою годинника валідатора.',
    en: "The time was found from a later sync of the validator's clock.",
    de: 'Die Zeit wurde aus einem späteren Abgleich der Uhr des Entwerters bestimmt.',
    pl: 'Czas ustalono na podstawie późniejszej synchronizacji zegara kasownika.',
  },
  CLOCK_CORRECTED: {
    uk: 'Час виправлено: годинник валідатора йшов неправильно.',
    en: "The time was corrected: the validator's clock had been wrong.",
    de: 'Die Zeit wurde berichtigt: die Uhr des Entwerters ging falsch.',
    pl: 'Czas poprawiono: zegar kasownika chodził źle.',
  },
  LATE: {
    uk: 'Запис надійшов із запізненням.',
    en: 'The record arrived late.',
    de: 'Der Datensatz kam verspätet an.',
    pl: 'Zapis dotarł z opóźnieniem.',
  },
  UNLINKED: {
    uk: 'Один із попередніх записів пристрою ще не надійшов.',
    en: 'A record of the device from before this one has not arrived yet.',
    de: 'Ein früherer Datensatz des Geräts ist noch nicht da.',
    pl: 'Jeden z wcześniejszych zapisów urządzenia jeszcze nie dotarł.',
  },
  FORKED_EPOCH: {
    uk: 'Журнал пристрою роздвоївся: можлива копія.',
    en: "The device's journal has forked: a copy may exist.",
    de: 'Das Journal des Geräts hat sich verzweigt: es gibt vielleicht eine Kopie.',
    pl: 'Dziennik urządzenia się rozdwoił: możliwa kopia.',
  },
};

/** A code's sentence in a language. */
export function reasonText(code: ReasonCode, language: Language): string {
  return REASON_TEXTS[code][language];
}
