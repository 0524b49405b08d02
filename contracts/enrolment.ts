/**
 * What a device and the city's enrolment say to each other over HTTPS: a one-time code becomes a certificate and a
 * registered signing key, and a certificate becomes its successor. Private keys never leave the device.
 */
import { type Static, Type } from 'typebox';
import { BankCardFile } from './bank-card.ts';
import { CaKeyFile } from './ca-keys.ts';
import { CardKeysFile } from './card-keys.ts';
import { CardMediaFile } from './card-media.ts';
import { sha256Hex } from './hash-chain.ts';
import { DeviceId, FeedId, InstantMs, Sha256Hex, Signature } from './ids.ts';
import { KEY_NAME, keyed } from './keyed.ts';
import { Currency } from './money.ts';
import { decodeJson, type Parsed, parserOf } from './parse.ts';
import { MediumKind } from './record.ts';
import { TARIFF_EXTRACT_BYTES_MAX } from './tariff-extract.ts';
import { NetworkKeys } from './vehicle-key.ts';

/** Paths of the service. */
export const ENROLMENT_PATHS = {
  /** GET: the authority's certificate, PEM. Whoever fetches it compares its hash with the one given with the code. */
  ca: '/v1/ca',
  /** GET: certificates that were taken back, a revocation list in PEM. */
  crl: '/v1/crl',
  enrol: '/v1/enrol',
  /** Needs the present certificate (mTLS). */
  renew: '/v1/renew',
} as const;

/** Largest request in bytes. */
export const ENROLMENT_BYTES_MAX = 64 * 1024;
/** Largest text of stops, and largest answer: stops are most of it, their quotes escaped. */
const STOPS_BYTES_MAX = 8 * 1024 * 1024;
export const ENROLMENT_ANSWER_BYTES_MAX = 2 * STOPS_BYTES_MAX + 2 * TARIFF_EXTRACT_BYTES_MAX;

const Pem = Type.String({ minLength: 64, maxLength: 4096, pattern: '^-----BEGIN [A-Z ]+-----\\n' });

/** A public signing key with the proof that its private half is there. */
const SigningKey = Type.Object({
  /** Ed25519, SPKI in PEM. */
  publicKey: Pem,
  /** Over {@link enrolMessage} or {@link renewMessage}, by this key. */
  proof: Signature,
});

export const EnrolRequest = Type.Object({
  v: Type.Literal(1),
  /** As it was shown; case, hyphens and blanks do not matter. */
  code: Type.String({ minLength: 1, maxLength: 64 }),
  /** PKCS#10 in PEM, P-256. The name in it is not looked at: the code says who this is. */
  csr: Pem,
  signingKey: SigningKey,
});
export type EnrolRequest = Static<typeof EnrolRequest>;

export const RenewRequest = Type.Object({
  v: Type.Literal(1),
  csr: Pem,
  /** Over {@link renewMessage}, by the signing key that is registered now. */
  sig: Signature,
  /** A new signing key; the old one stays good for what it has signed, for a time that the city decides. */
  signingKey: Type.Optional(SigningKey),
});
export type RenewRequest = Static<typeof RenewRequest>;

const PublicKeys = keyed(KEY_NAME, Type.String({ maxLength: 1024 }), { maxProperties: 64 });

const Names = Type.Object({
  uk: Type.String({ maxLength: 500 }),
  en: Type.String({ maxLength: 500 }),
  de: Type.String({ maxLength: 500 }),
  pl: Type.String({ maxLength: 500 }),
});
const MinorDigits = Type.String({ pattern: '^(0|[1-9][0-9]{0,11})$' });

/** What the law asks of a passenger without a ride, worked out from one tariff package. */
export const PenaltyRule = Type.Object({
  /** Full price of one ride, minor units. */
  fareMinor: MinorDigits,
  factor: Type.Integer({ minimum: 1, maximum: 1000 }),
  penaltyMinor: MinorDigits,
  currency: Currency,
  /** `act_id` of the package, and its names for people. */
  act: FeedId,
  actNames: Names,
  article: Type.String({ minLength: 1, maxLength: 200 }),
  packageHash: Sha256Hex,
});
export type PenaltyRule = Static<typeof PenaltyRule>;

/** What inspectors may ask on some routes during the time of one tariff package. */
export const InspectionRule = Type.Object({
  validFromMs: InstantMs,
  /** Exclusive; null = open. */
  validUntilMs: Type.Union([InstantMs, Type.Null()]),
  /** Absent = every route that no other rule of its time names. Of an unknown route the mildest of all rules holds. */
  routeIds: Type.Optional(Type.Array(FeedId, { minItems: 1, maxItems: 2000 })),
  /** So long after its tap a ride stands in the vehicle of the tap. */
  rideWindowS: Type.Integer({ minimum: 60, maximum: 86_400 }),
  /** Absent = nothing is asked. */
  penalty: Type.Optional(PenaltyRule),
});
export type InspectionRule = Static<typeof InspectionRule>;

/** The tariffs' word for inspectors' devices. */
export const InspectionRules = Type.Array(InspectionRule, { maxItems: 500 });

/** Most of something that is paid for beside a holder, and with which kinds of medium. */
export const BesideLimit = Type.Object({
  max: Type.Integer({ minimum: 1, maximum: 20 }),
  mediumKinds: Type.Array(MediumKind, { minItems: 1, maxItems: 16 }),
});
export type BesideLimit = Static<typeof BesideLimit>;

/** What one medium may pay for beside its holder on some routes during the time of one tariff package. */
export const CompanionRule = Type.Object({
  validFromMs: InstantMs,
  /** Exclusive; null = open. */
  validUntilMs: Type.Union([InstantMs, Type.Null()]),
  /** Absent = every route that no other rule of its time names, and an unknown one. */
  routeIds: Type.Optional(Type.Array(FeedId, { minItems: 1, maxItems: 2000 })),
  /** Companions. */
  max: Type.Integer({ minimum: 0, maximum: 20 }),
  /** Companions beyond `max`, whom a right or a pass of the holder may let ride along; absent = the tariff has no such right. */
  escorts: Type.Optional(BesideLimit),
  /** Pieces of baggage; absent = none is paid with a medium. */
  bags: Type.Optional(BesideLimit),
  /** Companions within `max` and bags together; absent = each by its own limit. */
  together: Type.Optional(Type.Integer({ minimum: 1, maximum: 40 })),
});
export type CompanionRule = Static<typeof CompanionRule>;

/** The tariffs' word for validators. */
export const CompanionRules = Type.Array(CompanionRule, { maxItems: 500 });

/** The city's rules for a validator. */
export const DevicePolicyFile = Type.Object({
  passBackS: Type.Integer({ minimum: 0, maximum: 86_400 }),
  mediumKinds: Type.Array(MediumKind, { minItems: 1, maxItems: 16 }),
  journalRecordsMax: Type.Integer({ minimum: 2, maximum: 10_000_000 }),
  /** Which way passengers go who touch it: `both` ways where leaving is tapped at the same validator. Absent = in. */
  direction: Type.Optional(Type.Union([Type.Literal('in'), Type.Literal('out'), Type.Literal('both')])),
  /** Of balances that cards carry. */
  currency: Type.Optional(Currency),
  /** IANA zone in which people of the city read times. */
  zone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  /** For inspectors. */
  inspection: Type.Optional(InspectionRules),
  /** Absent = nobody pays for a companion. */
  companions: Type.Optional(CompanionRules),
});

/** Everything a device folder is made of, but for the private keys. */
export const EnrolAnswer = Type.Object({
  v: Type.Literal(1),
  deviceId: DeviceId,
  vehicleId: Type.Optional(FeedId),
  certificate: Pem,
  ca: Pem,
  mqttUrl: Type.String({ pattern: '^mqtts://', maxLength: 512 }),
  enrolmentUrl: Type.String({ pattern: '^https://', maxLength: 512 }),
  ingestKeys: PublicKeys,
  listKeys: PublicKeys,
  /** Keys, kept offline, that begin a generation of a list. */
  listGenerationKeys: Type.Optional(PublicKeys),
  issuerKeys: PublicKeys,
  policy: DevicePolicyFile,
  /** Of the vehicle's own network; absent where the device is in no vehicle or the city gives none. */
  vehicleKeys: Type.Optional(NetworkKeys),
  /** For an inspector's device: they make the keys of any vehicle's network. */
  inspectionKeys: Type.Optional(NetworkKeys),
  /** Text of `stops.json`; absent where the city gives no stops. */
  stops: Type.Optional(Type.String({ maxLength: STOPS_BYTES_MAX })),
  /** Signed text of `tariff-extract.json`; absent where the city tells no tariff. */
  tariff: Type.Optional(Type.String({ maxLength: TARIFF_EXTRACT_BYTES_MAX })),
  /** `card-media.json`: which cards are taken; absent = the default. */
  cardMedia: Type.Optional(CardMediaFile),
  /** `card-keys.json`: keys of cards held in software; absent where a SAM holds them. */
  cardKeys: Type.Optional(CardKeysFile),
  /** `bank-card.json` and `ca-keys.json`: how bank cards are taken; both, or neither. Their token key is in `cardKeys`. */
  bankCard: Type.Optional(BankCardFile),
  caKeys: Type.Optional(CaKeyFile),
  /** Secret by which a medium's number becomes its token; hex. */
  tokenKey: Type.String({ pattern: '^([0-9a-f]{2}){16,64}$' }),
});
export type EnrolAnswer = Static<typeof EnrolAnswer>;

export const RenewAnswer = Type.Object({
  v: Type.Literal(1),
  certificate: Pem,
  /** As at enrolment, in their present versions: a renewal brings the city's next key. */
  vehicleKeys: Type.Optional(NetworkKeys),
  inspectionKeys: Type.Optional(NetworkKeys),
});
export type RenewAnswer = Static<typeof RenewAnswer>;

/** Why a request was refused. A code that is unknown, used, expired or void gets one and the same answer. */
export const EnrolmentRefusal = Type.Union([
  Type.Literal('REQUEST_MALFORMED'),
  Type.Literal('CODE_REFUSED'),
  Type.Literal('PROOF_REFUSED'),
  Type.Literal('CERTIFICATE_REFUSED'),
  Type.Literal('CERTIFICATE_SUPERSEDED'),
  Type.Literal('TOO_MANY_TRIES'),
]);
export type EnrolmentRefusal = Static<typeof EnrolmentRefusal>;

export const RefusalAnswer = Type.Object({ v: Type.Literal(1), refused: EnrolmentRefusal });

const reader =
  <T>(parse: (input: unknown) => Parsed<T>, bytesMax = ENROLMENT_BYTES_MAX) =>
  (bytes: Uint8Array): Parsed<T> => {
    const json = decodeJson(bytes, bytesMax);
    return json.ok ? parse(json.value) : json;
  };
export const parseEnrolRequest = reader(parserOf(EnrolRequest));
export const parseRenewRequest = reader(parserOf(RenewRequest));
export const parseEnrolAnswer = reader(parserOf(EnrolAnswer), ENROLMENT_ANSWER_BYTES_MAX);
export const parseRenewAnswer = reader(parserOf(RenewAnswer));
export const parseRefusal = reader(parserOf(RefusalAnswer));

/** What the signing key signs at enrolment: it binds key, request and code to each other. */
export function enrolMessage(code: string, csr: string, publicKey: string): Buffer {
  return Buffer.from(
    `kvytok enrol v1\n${sha256Hex(normalCode(code))}\n${sha256Hex(csr)}\n${sha256Hex(publicKey)}\n`,
    'utf8',
  );
}

/** What is signed at a renewal: by the present key, and by the new one where there is one. */
export function renewMessage(deviceId: string, csr: string, newPublicKey: string | undefined): Buffer {
  const key = newPublicKey === undefined ? 'same' : sha256Hex(newPublicKey);
  return Buffer.from(`kvytok renew v1\n${deviceId}\n${sha256Hex(csr)}\n${key}\n`, 'utf8');
}

/** A code without what people add or mistake: Crockford's base 32 has no I, L, O. */
export function normalCode(code: string): string {
  return code.toUpperCase().replaceAll(/[\s-]/g, '').replaceAll('O', '0').replaceAll(/[IL]/g, '1');
}

/** Name of a signing key: it follows from the key, so that a repeated registration is the same. */
export function signingKeyId(publicKeyPem: string): string {
  return `k${sha256Hex(publicKeyPem.trim()).slice(0, 16)}`;
}
