/**
 * Bank cards, and phones that stand for one, as a kind of medium: what the kernel behind the port found becomes a reading.
 * No card number reaches this file.
 */
import { LANGUAGES, type Language, type RefusalCode } from '#contracts/reason-codes.ts';
import { type Conversation, DONE } from '../apdu.ts';
import type { EmvKernel, KernelCard, KernelRefusal, KernelRequest } from '../emv/kernel.ts';
import { SELECT_PPSE } from '../emv/select.ts';
import type { CardFacts, CardReading } from '../ports.ts';
import type { Medium, OpenedMedium } from './medium.ts';

export interface BankCardOptions {
  readonly kernel: EmvKernel;
  /** City time, UTC milliseconds. */
  readonly nowMs: () => number;
  /** IANA name: cards are told the local date. */
  readonly timeZone: string;
  /** For a card that prefers none of ours. */
  readonly language: Language;
}

/** Directory, four applications with their options, 32 records and a cryptogram, some of them asked twice. */
const BANK_APDUS_MAX = 64;

const REFUSALS: Readonly<Record<KernelRefusal, RefusalCode>> = {
  unreadable: 'CARD_UNREADABLE',
  blocked: 'CARD_LOCKED',
  'not-supported': 'BANK_CARD_NOT_TAKEN',
  declined: 'BANK_CARD_NOT_TAKEN',
  'no-authority-key': 'BANK_CARD_NOT_TAKEN',
  'phone-locked': 'PHONE_LOCKED',
  'not-genuine': 'CARD_NOT_GENUINE',
  expired: 'CARD_EXPIRED',
  'not-yet-valid': 'CARD_NOT_YET_VALID',
};

/** The medium over a kernel. */
export function createBankCard(options: BankCardOptions): Medium {
  const localTime = localTimeIn(options.timeZone);
  return {
    name: 'bank-card',
    apdusMax: BANK_APDUS_MAX,
    secret: true,
    async open(talk): Promise<OpenedMedium> {
      const nowMs = options.nowMs();
      const result = await options.kernel.read(talk, { nowMs, ...localTime(nowMs) });
      if (result.outcome === 'absent') return 'not-mine';
      if (result.outcome === 'refused') return { reading: { ok: false, reason: REFUSALS[result.why] } };
      return { reading: { ok: true, card: factsOf(result.card, options.language) } };
    },
  };
}

/** Where a city takes no bank cards: such a card is told so, and asked nothing. */
export function createBankCardsRefused(): Medium {
  return {
    name: 'bank-cards-refused',
    apdusMax: 4,
    async open(talk: Conversation): Promise<OpenedMedium> {
      const answer = await talk.send(SELECT_PPSE);
      if (answer?.status !== DONE) return 'not-mine';
      const reading: CardReading = { ok: false, reason: 'BANK_CARD_NOT_TAKEN' };
      return { reading };
    },
  };
}

function factsOf(card: KernelCard, fallback: Language): CardFacts {
  const { tokenId, formerTokenId, validFromMs, validUntilMs, par, oda, authorisation } = card;
  const preferred = card.languages.find((code): code is Language => LANGUAGES.some((ours) => ours === code));
  return {
    tokenId,
    ...(formerTokenId !== undefined && { formerTokenId }),
    mediumKind: 'bank',
    validFromMs,
    validUntilMs,
    language: preferred ?? fallback,
    bank: {
      ...(par && { par: par.value, parProven: par.proven }),
      oda,
      authorisation: authorisation.sealed.toString('base64url'),
      acquirerKeyId: authorisation.keyId,
    },
  };
}

type LocalTime = Pick<KernelRequest, 'localDate' | 'localTime'>;

/** Date and time of a zone in packed digits. */
function localTimeIn(timeZone: string): (nowMs: number) => LocalTime {
  const format = new Intl.DateTimeFormat('en-GB', {
    timeZone,
    year: '2-digit',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  return (nowMs) => {
    const parts = new Map(format.formatToParts(nowMs).map(({ type, value }) => [type, value]));
    const packed = (...types: Intl.DateTimeFormatPartTypes[]): Buffer =>
      Buffer.from(types.map((type) => parts.get(type) ?? '').join(''), 'hex');
    return { localDate: packed('year', 'month', 'day'), localTime: packed('hour', 'minute', 'second') };
  };
}
