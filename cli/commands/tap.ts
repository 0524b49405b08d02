/** `kvytok tap`: a virtual card held to a PC/SC validator of the running city. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { formatDebtReference } from '#contracts/debt-reference.ts';
import { LANGUAGES, type Language, reasonText } from '#contracts/reason-codes.ts';
import { loadCity } from '#platform/city-data.ts';
import { OperatorError } from '#platform/errors.ts';
import { type Explanation, explainTap, formatExplanation } from '../../fare-engine/explain-tap.ts';
import { behindReader } from '../../simulators/cards/desfire/behind-reader.ts';
import { createDesfireCard } from '../../simulators/cards/desfire/desfire-card.ts';
import { issueDesfire } from '../../simulators/cards/desfire/issue-desfire.ts';
import { BANK_CARDS, type BankCardKind, bankCard } from '../../simulators/cards/emv/profiles.ts';
import type { CardKind } from '../../simulators/cards/issue-card.ts';
import { createVirtualCard, type VirtualCard } from '../../simulators/cards/virtual-card.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { dataFolderOf } from '../city/city-arguments.ts';
import { type CityKeys, openCityKeys } from '../city/city-keys.ts';
import { deviceFolder } from '../city/identities.ts';
import { findRunningCity, type RunningCity } from '../city/running-file.ts';
import { simulatedTimeOption } from '../city/simulated-time.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { type CardAnswer, openPcscValidator } from '../present-card.ts';

export const usage = `kvytok tap --medium social|wallet|bank   holds a virtual card to a PC/SC validator of the running city

The card goes the whole way: virtual card → vpcd → pcscd → validator → MQTT → fare → ledger. Printed is what the
passenger saw, and what was posted.

  --medium KIND    social (personal card), wallet (card without a name) or bank (bank card or phone)
  --card NAME      which card; the same name is the same card (default: one for each medium). With bank: visa (default),
                   mastercard, amex, phone, maestro (its account is empty: a debt, and how to pay it), or one that must
                   be refused (docs/EMV-TEST-CARDS.md)
  --layout LAYOUT  of a card of the city: desfire (default; its log begins empty each time) or plain (docs/CARD-LAYOUT.md)
  --lang LANGUAGE  uk (default), en, de, pl
  --data DIR       data folder of the city (default: .kvytok in the checkout)

Needs pcscd and vpcd; \`kvytok doctor\` says whether they are there.
`;

const POSTED_MS_MAX = 60_000;
const LOOK_EVERY_MS = 100;
const CARD_DAYS = 3650;
/** The maker of the chip stands first in its number. */
const NXP = Uint8Array.of(0x04);
/** Answers of the longest keys are too long for the virtual reader. */
const BANK_KINDS: readonly string[] = BANK_CARDS.filter((kind) => kind !== 'mastercard-long-keys');

export async function run(args: string[], io: CommandIo): Promise<number> {
  const options = optionsOf(args);
  const dataFolder = dataFolderOf(options.data, io);
  const city = findRunningCity(dataFolder);
  const { deviceId } = deskOf(city);
  const time = await askCityTime(city);
  const validator = await openPcscValidator({
    deviceDir: deviceFolder(dataFolder, deviceId),
    edgeArgs: [
      '--mqtt-url',
      city.mqttUrl,
      '--simulated-time',
      simulatedTimeOption(time.cityMs, time.machineMs, city.speed),
    ],
  });
  try {
    const keys = openCityKeys(join(dataFolder, 'secrets'));
    const answer = await validator.present(cardOf(options, keys, time.cityMs));
    io.stdout.write(seenText(answer, options.language, city.pageUrl));
    if (answer.recordId === null || answer.sign !== 'accepted') return EXIT.failed;
    const explanation = await untilPosted(answer.recordId, dataFolder, io);
    if (explanation === null) {
      io.stdout.write(
        `\nNot priced within ${POSTED_MS_MAX / 1000} s: the record waits in the validator's journal.\n`,
      );
      return EXIT.failed;
    }
    io.stdout.write(
      `\n${formatExplanation(explanation, options.language, loadCity(city.cityDir).city.zone)}`,
    );
    return EXIT.ok;
  } finally {
    await validator.stop();
  }
}

const LAYOUTS = ['desfire', 'plain'] as const;
type CardLayout = (typeof LAYOUTS)[number];

interface TapOptions {
  readonly medium: CardKind | 'bank';
  readonly card: string;
  readonly layout: CardLayout;
  readonly language: Language;
  readonly data: string | undefined;
}

function optionsOf(args: string[]): TapOptions {
  const { values } = parseArgs({
    args,
    options: {
      medium: { type: 'string' },
      card: { type: 'string' },
      layout: { type: 'string' },
      lang: { type: 'string' },
      data: { type: 'string' },
    },
  });
  const { medium, lang = 'uk' } = values;
  const layout = LAYOUTS.find((name) => name === (values.layout ?? 'desfire'));
  if (layout === undefined || (medium === 'bank' && values.layout !== undefined))
    throw new UsageError(`--layout takes ${LAYOUTS.join(', ')}, with a card of the city`);
  if (medium !== 'social' && medium !== 'wallet' && medium !== 'bank')
    throw new UsageError('--medium takes social, wallet or bank');
  const card = values.card ?? (medium === 'bank' ? 'visa' : 'demo');
  if (medium === 'bank' && !BANK_KINDS.includes(card))
    throw new UsageError(`--card takes with bank: ${BANK_KINDS.join(', ')}`);
  if (!(LANGUAGES as readonly string[]).includes(lang))
    throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
  return { medium, card, layout, language: lang as Language, data: values.data };
}

/** The city's validator that rides in no vehicle. */
function deskOf(city: RunningCity): { deviceId: string } {
  const desk = loadCity(city.cityDir).devices.find((device) => device.vehicleId === undefined);
  if (desk) return desk;
  throw new OperatorError({
    code: 'NO_DESK_VALIDATOR',
    happened: `The plan of devices in ${city.cityDir} has no validator without a vehicle.`,
    kept: 'Nothing was changed.',
    todo: 'Add one to devices/devices.yaml, without vehicleId, and start the city again.',
  });
}

const CITY_ANSWER_MS_MAX = 60_000;
/** An answer that took longer says too little about when its time was true; then it is asked again. */
const CITY_ANSWER_MS_GOOD = 500;
const CITY_ASKED_MAX = 5;

/** The city's time, as its page tells it, with the machine's instant in the middle of the quickest question. */
async function askCityTime(city: RunningCity): Promise<{ cityMs: number; machineMs: number }> {
  let best = { cityMs: 0, machineMs: 0, tookMs: Number.POSITIVE_INFINITY };
  for (let asked = 0; asked < CITY_ASKED_MAX && best.tookMs > CITY_ANSWER_MS_GOOD; asked++) {
    const beforeMs = Date.now();
    const signal = AbortSignal.timeout(CITY_ANSWER_MS_MAX);
    const response = await fetch(`${city.pageUrl}/api/v1/city`, { signal });
    const { nowMs } = (await response.json()) as { nowMs: number };
    const tookMs = Date.now() - beforeMs;
    if (tookMs < best.tookMs) best = { cityMs: nowMs, machineMs: beforeMs + tookMs / 2, tookMs };
  }
  return best;
}

/** The same name is the same card: its number is drawn from the name. */
function cardOf({ medium, ...options }: TapOptions, keys: CityKeys, cityMs: number): VirtualCard {
  if (medium === 'bank') return bankCard(options.card as BankCardKind, bankDates(cityMs));
  const daysMs = CARD_DAYS * 86_400_000;
  const drawn = createHash('sha256').update(`kvytok tap ${medium} ${options.card}`).digest();
  const order = {
    mediumId: drawn.subarray(0, 16),
    validFromS: Math.max(0, Math.floor((cityMs - daysMs) / 1000)),
    validUntilS: Math.floor((cityMs + daysMs) / 1000),
    language: options.language,
    issuer: keys.issuer,
  };
  if (options.layout === 'plain') return createVirtualCard({ ...order, mediumKind: medium });
  const uid = Buffer.concat([NXP, drawn.subarray(16, 22)]);
  const eeprom = issueDesfire({ ...order, model: 'EV3', uid, kind: medium, keys: keys.cardKeys });
  return behindReader(createDesfireCard({ eeprom }));
}

/** In use for two years, and for three more. */
function bankDates(cityMs: number): { effective: string; expiry: string } {
  const year = new Date(cityMs).getUTCFullYear() % 100;
  return { effective: `${digits(year - 2)}0101`, expiry: `${digits(year + 3)}1231` };
}

function digits(number: number): string {
  return String(number).padStart(2, '0');
}

const SEEN: Readonly<Record<CardAnswer['sign'], Readonly<Record<Language, string>>>> = {
  accepted: { uk: '✓ Прийнято', en: '✓ Accepted', de: '✓ Angenommen', pl: '✓ Przyjęto' },
  refused: { uk: '✕ Відмовлено', en: '✕ Refused', de: '✕ Abgelehnt', pl: '✕ Odmowa' },
  'out-of-order': {
    uk: '△ Валідатор не працює',
    en: '△ Out of order',
    de: '△ Außer Betrieb',
    pl: '△ Nie działa',
  },
  waiting: { uk: '◯ Очікує', en: '◯ Waiting', de: '◯ Wartet', pl: '◯ Czeka' },
};

const REPEATED: Readonly<Record<Language, string>> = {
  uk: 'та сама поїздка, вдруге не платите',
  en: 'the same ride, you do not pay twice',
  de: 'dieselbe Fahrt, Sie zahlen nicht zweimal',
  pl: 'ten sam przejazd, nie płacisz drugi raz',
};

/** What stood on the validator's screen. */
function seenText(answer: CardAnswer, language: Language, pageUrl: string): string {
  const why = answer.reason === undefined ? '' : `\n  ${reasonText(answer.reason, language)}`;
  const repeated = answer.repeated === true ? ` (${REPEATED[language]})` : '';
  const record = answer.recordId === null ? '' : `\n  ${answer.recordId}`;
  const { lookUp } = answer;
  const find = lookUp === undefined ? '' : `\n  ${formatDebtReference(lookUp)}  ${pageUrl}/debt`;
  return `${SEEN[answer.sign][language]}${repeated}${why}${find}${record}\n`;
}

/** Looks until the tap has a price: the fare engine tells portals, not commands. */
async function untilPosted(tapId: string, dataFolder: string, io: CommandIo): Promise<Explanation | null> {
  const { pool } = openAuditDatabase(dataFolder, io);
  try {
    const untilMs = performance.now() + POSTED_MS_MAX;
    while (performance.now() < untilMs) {
      const explanation = await explainTap(pool, tapId);
      if (explanation !== null) return explanation;
      await delay(LOOK_EVERY_MS);
    }
    return null;
  } finally {
    await pool.end();
  }
}
