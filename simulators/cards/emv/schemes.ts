/** How the payment systems' cards differ, as far as a terminal sees it. */
import { TEST_AUTHORITIES, type TestAuthority } from './test-ca.ts';

export type Scheme = 'visa' | 'mastercard' | 'amex' | 'maestro';

/** Facts of one payment system's application. Bytes are hex. */
export interface SchemeFacts {
  readonly aid: string;
  readonly label: string;
  /** Tag 9F2A: which contactless kernel it is made for. */
  readonly kernelId: string;
  /** Tag 9F38; empty = the terminal is asked for nothing. Phones may ask for more than cards. */
  readonly pdol: Readonly<Record<FormFactor, string>>;
  /** Tag 8C; null where the card ends with the answer to GET PROCESSING OPTIONS (qVSDC). */
  readonly cdol1: string | null;
  /** Tag 82, with and without offline data authentication. */
  readonly aip: Readonly<Record<FormFactor, string>>;
  readonly aipWithoutOda: string;
  /** Tag 9F10: issuer application data; key 01, cryptogram version, verification results. */
  readonly issuerApplicationData: string;
  readonly authority: TestAuthority;
  /** Names of the keys (test-keys.json). */
  readonly issuerKey: string;
  readonly cardKey: string;
}

export type FormFactor = 'card' | 'phone';

const AMOUNTS = '9F02069F03069F1A0295055F2A029A039C019F3704';
const MASTERCARD = {
  kernelId: '02',
  pdol: { card: '', phone: '9F1D089F1A029F3501' },
  cdol1: `${AMOUNTS}9F35019F45029F4C089F3403`,
  aip: { card: '1980', phone: '1B80' },
  aipWithoutOda: '1880',
  issuerApplicationData: '0110A00003220000000000000000000000FF',
  authority: TEST_AUTHORITIES.mastercard,
  issuerKey: 'issuer-mastercard',
  cardKey: 'icc-1',
} as const;

export const SCHEMES: Readonly<Record<Scheme, SchemeFacts>> = {
  visa: {
    aid: 'A0000000031010',
    label: 'VISA DEBIT',
    kernelId: '03',
    pdol: { card: `9F6604${AMOUNTS}`, phone: `9F6604${AMOUNTS}9F4E14` },
    cdol1: null,
    aip: { card: '2000', phone: '2040' },
    aipWithoutOda: '0000',
    issuerApplicationData: '06011203A00000',
    authority: TEST_AUTHORITIES.visa,
    issuerKey: 'issuer-visa',
    cardKey: 'icc-1',
  },
  mastercard: { aid: 'A0000000041010', label: 'MASTERCARD', ...MASTERCARD },
  maestro: { aid: 'A0000000043060', label: 'MAESTRO', ...MASTERCARD },
  amex: {
    aid: 'A000000025010403',
    label: 'AMERICAN EXPRESS',
    kernelId: '04',
    pdol: { card: '9F3501', phone: '9F35019F6604' },
    cdol1: AMOUNTS,
    aip: { card: '1980', phone: '1B80' },
    aipWithoutOda: '1880',
    issuerApplicationData: '06010103A00000',
    authority: TEST_AUTHORITIES.amex,
    issuerKey: 'issuer-amex',
    cardKey: 'icc-2',
  },
};

/** Tag 9F6E as the card gives it: Visa says its form in 4 bytes, Mastercard names country, system and device type. */
export function formFactorData(scheme: Scheme, form: FormFactor): string | null {
  if (scheme === 'visa') return form === 'phone' ? '23880000' : '20700000';
  // Country 804 (Україна), identifier 0001, device type in ASCII: 14 = handheld phone.
  return form === 'phone' && scheme !== 'amex' ? '080400013134' : null;
}
