/**
 * Card keys in a SAM (MIFARE SAM AV3, S-mode) behind a CardTransport, e.g. a PC/SC slot: keys and session keys stay in it.
 * The SAM makes each handshake (SAM_AuthenticatePICC) and protects and opens each message (SAM_Apply_SM, SAM_Remove_SM).
 *
 * Written from NXP's published reader library; **never tried against a SAM**. EV2 secure messaging alone; keys are changed by
 * whoever issues cards, not through this. A SAM has one session at a time, as a reader has one card. It makes no HMAC:
 * tokens come from another provider.
 */
import type {
  AnswerForm,
  CardKey,
  ChannelCommand,
  CommMode,
  Handshake,
  HandshakeKind,
  SecureChannel,
} from '../desfire/card-key.ts';
import type { CardTransport } from '../ports.ts';
import { type KeyProvider, KeysUnavailable, UnknownKey } from './key-provider.ts';

/** Where a named key is: number of the key entry in the SAM, and its live versions. */
export interface SamKeyEntry {
  readonly entry: number;
  readonly versions: readonly number[];
}

export interface SamOptions {
  readonly sam: CardTransport;
  readonly entries: ReadonlyMap<string, SamKeyEntry>;
  readonly tokens: Pick<KeyProvider, 'versions' | 'tokenMac'>;
}

const CLA = 0x80;
const AUTHENTICATE_PICC = 0x0a;
const APPLY_SM = 0xae;
const REMOVE_SM = 0xad;
/** P1 of SAM_AuthenticatePICC. */
const EV2_FIRST = 0x80;
const EV2_NON_FIRST = 0xc0;
const DIVERSIFIED_AV2 = 0x11;
/** EV2 with AES, not LRP. */
const AES = 0x00;
const MODES: Readonly<Record<CommMode, number>> = { plain: 0x00, mac: 0x10, full: 0x30 };
const DONE = 0x9000;
const MORE = 0x90af;
/**
 * What the card sent does not hold: authentication, MAC, padding (901E), or is a card's own error (90DF). Any other status
 * tells of the SAM: the validator is out of order, and the card is not to blame.
 */
const CARD_FAULTS: ReadonlySet<number> = new Set([0x901e, 0x90df]);
const EV2: ReadonlySet<HandshakeKind> = new Set(['ev2-first', 'ev2-non-first']);
const CAPABILITY_BYTES = 6;
const BLOCK_BYTES = 16;
const MAC_BYTES = 8;
/** Most bytes that a short APDU takes. */
const BODY_BYTES_MAX = 255;

/** A provider whose card keys are in a SAM. */
export function createSamKeys({ sam, entries, tokens }: SamOptions): KeyProvider {
  const newestFirst = (versions: readonly number[]): number[] => [...versions].sort((a, b) => b - a);
  return {
    versions: (name) => {
      const entry = entries.get(name);
      return entry ? newestFirst(entry.versions) : tokens.versions(name);
    },
    handshakes: EV2,
    cardKey: async (name, version, diversification) => {
      const entry = entries.get(name);
      if (!entry?.versions.includes(version))
        throw new UnknownKey(`no version ${version} of the key ${name}`);
      return samCardKey(sam, entry.entry, version, diversification);
    },
    tokenMac: (name, version, message) => tokens.tokenMac(name, version, message),
  };
}

function samCardKey(
  sam: CardTransport,
  entry: number,
  version: number,
  diversification: Uint8Array | null,
): CardKey {
  return {
    begin: (kind, keyNo, within): Handshake => {
      if (!EV2.has(kind)) throw new TypeError('this SAM is asked for EV2 handshakes alone');
      const p1 = (kind === 'ev2-first' ? EV2_FIRST : EV2_NON_FIRST) | (diversification ? DIVERSIFIED_AV2 : 0);
      return {
        answer: (challenge) => {
          const body = [entry, version, AES, ...challenge, ...(diversification ?? [])];
          return ask(sam, [CLA, AUTHENTICATE_PICC, p1, 0], body, { status: MORE });
        },
        finish: async (proof) => {
          // Only the first handshake is answered with bytes, the card's and the reader's capabilities.
          const first = kind === 'ev2-first';
          if (proof.length !== (first ? 2 * BLOCK_BYTES : BLOCK_BYTES)) return undefined;
          const data = await judged(sam, [CLA, AUTHENTICATE_PICC, 0, 0], proof, first);
          if (!data) return undefined;
          if (data.length !== (first ? 2 * CAPABILITY_BYTES : 0))
            throw new KeysUnavailable(`the SAM gave ${data.length} bytes for a handshake`);
          const capabilities = {
            card: data.subarray(0, CAPABILITY_BYTES),
            reader: data.subarray(CAPABILITY_BYTES),
          };
          return samChannel(sam, keyNo, first ? capabilities : within?.capabilities);
        },
      };
    },
  };
}

function samChannel(
  sam: CardTransport,
  keyNo: number,
  capabilities: SecureChannel['capabilities'],
): SecureChannel {
  return {
    kind: 'ev2',
    keyNo,
    capabilities,
    protect: async ({ ins, header, data, mode }: ChannelCommand) => {
      const head = [CLA, APPLY_SM, 0, MODES[mode]];
      if (mode === 'plain') {
        // The SAM counts a command that it does not see.
        await ask(sam, head, [1], { status: DONE });
        return Buffer.concat([header, data]);
      }
      const command = [ins, ...header, ...data];
      const offset = mode === 'full' ? [1 + header.length] : [];
      const sealed = await ask(sam, head, [...offset, ...command], { status: DONE });
      if (sealed.length !== sealedBytes(mode, data.length))
        throw new KeysUnavailable(`the SAM protected ${data.length} bytes by ${sealed.length}`);
      // In mode MAC the SAM gives the MAC alone, in mode FULL the encrypted data with it.
      return Buffer.concat([header, mode === 'mac' ? data : new Uint8Array(0), sealed]);
    },
    protectKeyChange: async () => {
      throw new KeysUnavailable('this SAM changes no keys of cards');
    },
    open: async (answer: Uint8Array, { mode, bytes }: AnswerForm) => {
      const data = mode === 'plain' ? Buffer.from(answer) : await opened(sam, mode, answer);
      return data !== undefined && (bytes === 'any' || data.length === bytes) ? data : undefined;
    },
    end: () => {}, // the next handshake takes its place; the keys are not here
  };
}

/** Bytes that stand for the data of a command, MAC included; in mode MAC they are the MAC alone. */
function sealedBytes(mode: CommMode, bytes: number): number {
  if (mode !== 'full' || bytes === 0) return MAC_BYTES;
  return (Math.floor(bytes / BLOCK_BYTES) + 1) * BLOCK_BYTES + MAC_BYTES;
}

async function opened(sam: CardTransport, mode: CommMode, answer: Uint8Array): Promise<Buffer | undefined> {
  const STATUS_OK = 0x00;
  // What no card sends would only confuse the SAM.
  if (answer.length < MAC_BYTES || answer.length > BODY_BYTES_MAX - 1) return undefined;
  const data = await judged(sam, [CLA, REMOVE_SM, 0, MODES[mode]], [STATUS_OK, ...answer], true);
  const sealed = answer.length - MAC_BYTES;
  const padding = data && sealed - data.length;
  // Padding has 1 to 16 bytes, and an answer without data none.
  const whole =
    mode === 'full' && sealed > 0 ? padding && padding > 0 && padding <= BLOCK_BYTES : padding === 0;
  if (data && !whole) throw new KeysUnavailable(`the SAM gave ${data.length} of ${sealed} bytes`);
  return data;
}

/**
 * An exchange in which the SAM judges what a card sent; `undefined`: it does not hold.
 * @throws KeysUnavailable for whatever else the SAM says.
 */
async function judged(
  sam: CardTransport,
  head: readonly number[],
  body: Iterable<number>,
  answered: boolean,
): Promise<Buffer | undefined> {
  const { status, data } = await exchange(sam, head, body, answered);
  if (status === DONE) return data;
  if (CARD_FAULTS.has(status)) return undefined;
  throw new KeysUnavailable(`the SAM answered ${status.toString(16)}`);
}

/** An exchange that a SAM in order does not refuse. @throws KeysUnavailable */
async function ask(
  sam: CardTransport,
  head: readonly number[],
  body: Iterable<number>,
  expected: { readonly status: number },
): Promise<Buffer> {
  const { status, data } = await exchange(sam, head, body, true);
  if (status === expected.status) return data;
  throw new KeysUnavailable(`the SAM answered ${status.toString(16)}`);
}

async function exchange(
  sam: CardTransport,
  head: readonly number[],
  body: Iterable<number>,
  answered: boolean,
): Promise<{ readonly status: number; readonly data: Buffer }> {
  const sent = [...body];
  const apdu = Uint8Array.from([...head, sent.length, ...sent, ...(answered ? [0] : [])]);
  const answer = Buffer.from(await sam.transmit(apdu).catch(() => new Uint8Array(0)));
  if (answer.length < 2) throw new KeysUnavailable('the SAM does not answer');
  return { status: answer.readUInt16BE(answer.length - 2), data: answer.subarray(0, -2) };
}
