/**
 * Another issuer's cards on DESFire, known by a number in one of their files: what a city's passengers carry already needs
 * not be reissued. Everything about them is configuration (contracts/card-media.ts); nothing is written on them.
 *
 * The number becomes a token like a medium id of ours, under the stranger's name, so that numbers of two issuers never meet.
 */
import type { StrangerDesfire } from '#contracts/card-media.ts';
import { readData } from '../desfire/commands/contents.ts';
import { type DesfireCard, openDesfire } from '../desfire/desfire-card.ts';
import type { Talk } from '../desfire/frames.ts';
import { type KeyProvider, tokensOf } from '../keys/key-provider.ts';
import type { CardReading } from '../ports.ts';
import {
  askUid,
  type Chip,
  handshakeOf,
  liveVersion,
  openChip,
  refused,
  type Step,
  withKeys,
} from './desfire-chip.ts';
import { refusalOf, refusalOfSelect } from './desfire-refusals.ts';
import type { Medium, OpenedMedium } from './medium.ts';
import { NO_END_MS } from './uid-only.ts';

const APDUS_MAX = 48;
const DAY_MS = 86_400_000;

export function createStrangerDesfire(config: StrangerDesfire, keys: KeyProvider): Medium {
  return {
    name: config.name,
    apdusMax: APDUS_MAX,
    open: (talk) => open(talk, config, keys),
  };
}

async function open(talk: Talk, config: StrangerDesfire, keys: KeyProvider): Promise<OpenedMedium> {
  const card = openDesfire(talk);
  const { select } = config;
  const selected =
    'aid' in select
      ? await card.selectByAid(Buffer.from(select.aid, 'hex'))
      : await card.selectByName(Buffer.from(select.dfName, 'hex'));
  if (!selected.ok) {
    const reason = refusalOfSelect(selected.failure);
    return reason === 'not-mine' ? reason : { reading: refused(reason) };
  }
  return withKeys(async () => ({ reading: await read(card, config, keys) }));
}

async function read(card: DesfireCard, config: StrangerDesfire, keys: KeyProvider): Promise<CardReading> {
  const proven = await prove(card, config, keys);
  if ('reason' in proven) return refused(proven.reason);
  const { no: fileNo, mode, offset, bytes } = config.file;
  const file = await readData(card, { fileNo, mode, offset }, bytes);
  await card.end();
  if (!file.ok) return refused(refusalOf(file.failure));
  if (config.as === 'foreign') return refused('CARD_FOREIGN');
  const number = file.value.subarray(config.number.offset, config.number.offset + config.number.bytes);
  const validUntilMs = endOf(file.value, config.validUntil);
  // A number of zeros is a card that was never given one: all such cards would be one account.
  const given = number.length === config.number.bytes && number.some((byte) => byte !== 0);
  if (!given || validUntilMs === undefined) return refused('CARD_UNKNOWN');
  const tokens = await tokensOf(Buffer.concat([Buffer.from(`${config.name}\n`, 'latin1'), number]), keys);
  file.value.fill(0);
  const { mediumKind, language } = config;
  return { ok: true, card: { ...tokens, mediumKind, language, validFromMs: 0, validUntilMs } };
}

/** Authentication, where the configuration asks for one. */
async function prove(card: DesfireCard, config: StrangerDesfire, keys: KeyProvider): Promise<Step<true>> {
  const chip = await openChip(card, { ev1: config.ev1 === true, keys });
  if ('reason' in chip) return chip;
  const { proof } = config;
  if (proof === 'identification-only') return { value: true };
  const readKey = { no: proof.keyNo, name: proof.key };
  const version = await liveVersion(card, keys, readKey);
  if ('reason' in version) return version;
  const input = await diversificationOf(card, chip.value, proof, keys);
  if ('reason' in input) return input;
  const key = await keys.cardKey(readKey.name, version.value, input.value);
  const opened = await card.authenticate(handshakeOf(chip.value, card), readKey.no, key);
  return opened.ok ? { value: true } : { reason: refusalOf(opened.failure) };
}

async function diversificationOf(
  card: DesfireCard,
  chip: Chip,
  { diversifiedWith, hiddenUid }: Exclude<StrangerDesfire['proof'], string>,
  keys: KeyProvider,
): Promise<Step<Uint8Array | null>> {
  if (!diversifiedWith) return { value: null };
  const { aid = '', system = '' } = diversifiedWith;
  const rest = Buffer.from(aid + system, 'hex');
  if (chip.toldUid) return { value: Buffer.concat([chip.toldUid, rest]) };
  if (!hiddenUid) return { reason: 'CARD_UNKNOWN' };
  const uid = await askUid(card, chip, keys, { no: hiddenUid.keyNo, name: hiddenUid.key });
  return 'reason' in uid ? uid : { value: Buffer.concat([uid.value, rest]) };
}

/** The end of validity, exclusive; `undefined` when the bytes say none. */
function endOf(file: Buffer, place: StrangerDesfire['validUntil']): number | undefined {
  if (!place) return NO_END_MS;
  if (place.offset + 4 > file.length) return undefined;
  if (place.form === 'unix-be') return file.readUInt32BE(place.offset) * 1000;
  if (place.form === 'unix-le') return file.readUInt32LE(place.offset) * 1000;
  const digits = file.toString('hex', place.offset, place.offset + 4);
  const [year, month, day] = [digits.slice(0, 4), digits.slice(4, 6), digits.slice(6)].map(Number) as [
    number,
    number,
    number,
  ];
  const startMs = Date.UTC(year, month - 1, day);
  const real =
    /^\d{8}$/.test(digits) &&
    new Date(startMs)
      .toISOString()
      .startsWith(`${digits.slice(0, 4)}-${digits.slice(4, 6)}-${digits.slice(6)}`);
  // The day is named without a zone; it is taken to its end everywhere, so that nobody is refused on the last evening.
  return real ? startMs + 2 * DAY_MS : undefined;
}
