/**
 * Bank cards to hold to a validator: one in order for each payment system, and those that must be refused. All numbers
 * lie in ranges that the payment systems publish for tests.
 */
import type { VirtualCard } from '../virtual-card.ts';
import { createEmvCard } from './emv-card.ts';
import { type EmvOrder, personalise, withCheckDigit } from './personalise.ts';
import type { Scheme } from './schemes.ts';
import { TEST_AUTHORITIES } from './test-ca.ts';

/** Published test numbers. A scan for leaks looks for exactly these. */
export const TEST_PANS = {
  visa: '4761739001010010',
  mastercard: '5413330089010434',
  amex: '374245455400126',
  maestro: '6304900017740292441',
  /** The device number of a phone that carries the Mastercard above. */
  phone: '5413330089020011',
} as const;

const VISA_PHONE_PAN = withCheckDigit('476173900102999');

/** The same account behind card and phone: tag 9F24. */
export const TEST_PAR = '5413KVYTOKTESTACCOUNT00000001';

/** Kinds of card that `bankCard` makes. */
export const BANK_CARDS = [
  'visa',
  'mastercard',
  'amex',
  'phone',
  'visa-phone',
  'maestro',
  'two-applications',
  'visa-record-signature',
  'mastercard-long-keys',
  'mastercard-whole-records',
  'expired',
  'locked',
  'blocked',
  'no-oda',
  'wrong-static-data',
  'issuer-certificate-expired',
  'card-certificate-expired',
  'unknown-authority',
  'authority-over',
  'certificate-of-another-pan',
  'certificate-of-another-issuer',
  'unknown-hash-algorithm',
  'tag-list-not-aip',
  'expiry-not-signed',
] as const;
export type BankCardKind = (typeof BANK_CARDS)[number];

/** What may differ from the profile, where the kind does not say it itself; dates are `YYMMDD`. */
export type BankCardChanges = Partial<Omit<EmvOrder, 'flaw' | 'scheme'>>;

/** Ranges of numbers for tests, by kind of card; what follows is counted. */
const TEST_RANGES: Partial<Record<BankCardKind, string>> = {
  visa: '4761730',
  'visa-phone': '4761739',
  mastercard: '541333008',
  phone: '541333009',
  amex: '374245',
  maestro: '630490',
};

/** The n-th number of a kind's range (from 0), with its check digit: as many cards as a simulation needs. */
export function testPan(kind: BankCardKind, n: number): string {
  const range = TEST_RANGES[kind] ?? '541333008';
  const digits = TEST_PANS[schemeOf(kind)].length - 1;
  return withCheckDigit(`${range}${String(n).padStart(digits - range.length, '0')}`);
}

function schemeOf(kind: BankCardKind): Scheme {
  if (kind === 'amex' || kind === 'maestro') return kind;
  return kind.startsWith('visa') ? 'visa' : 'mastercard';
}

/** A card in the hand of a passenger. */
export function bankCard(kind: BankCardKind, changes: BankCardChanges = {}): VirtualCard {
  return createEmvCard({
    applications: bankCardOrders(kind, changes).map(personalise),
    locked: kind === 'locked',
  });
}

/** The orders behind a kind of card. */
export function bankCardOrders(kind: BankCardKind, changes: BankCardChanges = {}): EmvOrder[] {
  const one = (scheme: Scheme, more: Partial<EmvOrder> = {}): EmvOrder[] => [
    { ...plain(scheme), ...changes, ...more },
  ];
  switch (kind) {
    case 'visa':
    case 'amex':
    case 'maestro':
      return one(kind);
    case 'locked':
      return one('mastercard');
    case 'mastercard':
      return one('mastercard', { par: changes.par ?? TEST_PAR });
    case 'phone':
      return one('mastercard', {
        form: 'phone',
        pan: changes.pan ?? TEST_PANS.phone,
        par: changes.par ?? TEST_PAR,
      });
    case 'visa-phone':
      return one('visa', { form: 'phone', signatureIn: 'record', pan: changes.pan ?? VISA_PHONE_PAN });
    case 'two-applications':
      // The domestic application stands first in the directory, the international one is preferred.
      return [
        ...one('maestro', { priority: 2 }),
        ...one('mastercard', { priority: 1, pan: TEST_PANS.mastercard }),
      ];
    case 'visa-record-signature':
      return one('visa', { signatureIn: 'record' });
    case 'mastercard-long-keys':
      return one('mastercard', LONG_KEYS);
    case 'mastercard-whole-records':
      return one('mastercard', { staticSfi: 11 });
    case 'expired':
      return one('mastercard', { expiry: '191231', effective: '150101' });
    case 'blocked':
      return one('mastercard', { blocked: true });
    case 'authority-over':
      return one('visa', { authority: TEST_AUTHORITIES.visaOver });
    case 'unknown-authority':
      return one('visa', { flaw: kind });
    default:
      return one('mastercard', { flaw: kind });
  }
}

const LONG_KEYS = {
  authority: TEST_AUTHORITIES.mastercardLong,
  issuerKey: 'issuer-mastercard-long',
  cardKey: 'icc-long',
} as const;

function plain(scheme: Scheme): EmvOrder {
  return { scheme, pan: TEST_PANS[scheme], expiry: '301231', effective: '200101' };
}
