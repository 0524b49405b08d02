/**
 * One DESFire card in the field: selecting, authenticating and running commands. Here, and only here, a plain command
 * becomes what goes over the air and an answer becomes data: by the mode of the table (command.ts) and the channel that
 * the last handshake gave.
 *
 * A failure of any kind ends the session, as it does on the card; nothing of a failed answer comes out.
 */
import { DONE, selectByName } from '../apdu.ts';
import { NOTHING, sameSecret } from './bytes.ts';
import type { CardKey, HandshakeKind, SecureChannel } from './card-key.ts';
import { type Command, INS, modeOf } from './command.ts';
import { exchange, exchangeStep, type Framing, type Talk } from './frames.ts';
import { type DesfireResult, done, failed, STATUS } from './status.ts';

/** A key to be changed. */
export interface KeyChangeOrder {
  readonly keyNo: number;
  readonly newKey: CardKey;
  /** Key version that the card keeps beside the key, 0 to 255. */
  readonly newVersion: number;
  /** The key that is replaced; left out for the key of the session itself. */
  readonly oldKey?: CardKey;
  /** The card's own master key, at PICC level: its type is said in the key number. */
  readonly ofCard?: boolean;
  /** Key set, for ChangeKeyEV2. */
  readonly keySet?: number;
}

/** Options of an authentication. */
export interface HandshakeOptions {
  /** Capabilities that we tell the card in AuthenticateEV2First, at most 6 bytes; none by default. */
  readonly capabilities?: Uint8Array;
}

export interface DesfireCard {
  /** How commands are cut; chosen from the generation that GetVersion tells. `iso` at first. */
  framing: Framing;
  /** The session, if there is one. */
  readonly session: SecureChannel | undefined;
  /** ISO SELECT by DF name; the status word, or `gone`. Ends the session. Data in the answer (an FCI) are ignored. */
  selectByName(dfName: Uint8Array): Promise<DesfireResult<void>>;
  /** Native SelectApplication; AID as sent. Ends the session. */
  selectByAid(aid: Uint8Array): Promise<DesfireResult<void>>;
  /** Mutual authentication. `ev2-non-first` goes on within the present session. */
  authenticate(
    kind: HandshakeKind,
    keyNo: number,
    key: CardKey,
    options?: HandshakeOptions,
  ): Promise<DesfireResult<void>>;
  /** Runs one command within the session, or plain where there is none. */
  run(command: Command): Promise<DesfireResult<Buffer>>;
  /** ChangeKey or ChangeKeyEV2. When the session's own key is changed the session ends. */
  changeKey(order: KeyChangeOrder): Promise<DesfireResult<void>>;
  /** Wipes the session keys. */
  end(): Promise<void>;
}

const HANDSHAKES: Readonly<
  Record<HandshakeKind, { ins: number; challengeBytes: number; proofBytes: number }>
> = {
  'ev2-first': { ins: INS.authenticateEv2First, challengeBytes: 16, proofBytes: 32 },
  'ev2-non-first': { ins: INS.authenticateEv2NonFirst, challengeBytes: 16, proofBytes: 16 },
  ev1: { ins: INS.authenticateEv1, challengeBytes: 16, proofBytes: 16 },
  'iso-des': { ins: INS.authenticateIso, challengeBytes: 8, proofBytes: 8 },
};
const CAPABILITY_BYTES_MAX = 6;
/** Key number of the card's own key when it is an AES key. */
const AES_KEY_OF_CARD = 0x80;

/** Speaks DESFire over a conversation. */
export function openDesfire(talk: Talk): DesfireCard {
  let session: SecureChannel | undefined;
  const drop = async (): Promise<void> => {
    const ending = session;
    session = undefined;
    await ending?.end();
  };
  const failing = async <R extends { readonly ok: boolean }>(result: R): Promise<R> => {
    if (!result.ok) await drop();
    return result;
  };

  const card: DesfireCard = {
    framing: 'iso',
    get session() {
      return session;
    },
    selectByName: async (dfName) => {
      await drop();
      const answer = await talk.send(selectByName(dfName));
      if (!answer) return failed({ kind: 'gone' });
      const { status } = answer;
      return status === DONE ? done(undefined) : failed({ kind: 'status', status });
    },
    selectByAid: async (aid) => {
      await drop();
      const selected = await exchange(talk, INS.selectApplication, aid, card.framing);
      return selected.ok ? done(undefined) : selected;
    },
    authenticate: async (kind, keyNo, key, { capabilities = NOTHING } = {}) => {
      const handshake = { kind, keyNo, key, capabilities, within: session };
      if (kind !== 'ev2-non-first') await drop();
      const opened = await failing(await shakeHands(talk, handshake));
      if (!opened.ok) return opened;
      const former = session;
      session = opened.value;
      await former?.end();
      return done(undefined);
    },
    run: async (command) => failing(await runCommand(talk, session, command, card.framing)),
    changeKey: async (order) => {
      if (!session) throw new TypeError('a key is changed within a session');
      const changed = await failing(await changeKey(talk, session, order, card.framing));
      if (changed.ok && !order.oldKey) await drop();
      return changed;
    },
    end: drop,
  };
  return card;
}

interface HandshakeOrder {
  readonly kind: HandshakeKind;
  readonly keyNo: number;
  readonly key: CardKey;
  readonly capabilities: Uint8Array;
  readonly within: SecureChannel | undefined;
}

async function shakeHands(talk: Talk, order: HandshakeOrder): Promise<DesfireResult<SecureChannel>> {
  const { kind, keyNo, key, capabilities, within } = order;
  if (capabilities.length > CAPABILITY_BYTES_MAX) throw new RangeError('capabilities have at most 6 bytes');
  const { ins, challengeBytes, proofBytes } = HANDSHAKES[kind];
  const body = kind === 'ev2-first' ? [keyNo, capabilities.length, ...capabilities] : [keyNo];
  const challenge = await exchangeStep(talk, ins, Uint8Array.from(body), {
    status: STATUS.moreFrames,
    bytes: challengeBytes,
  });
  if (!challenge.ok) return challenge;
  const handshake = key.begin(kind, keyNo, kind === 'ev2-non-first' ? within : undefined);
  const proof = await exchangeStep(talk, INS.moreFrames, await handshake.answer(challenge.value), {
    status: STATUS.ok,
    bytes: proofBytes,
  });
  if (!proof.ok) return proof;
  const channel = await handshake.finish(proof.value);
  const echoed = channel?.capabilities?.reader.subarray(0, capabilities.length) ?? NOTHING;
  // What we said of ourselves comes back under the key: a card that heard something else heard somebody else.
  if (!channel || (kind === 'ev2-first' && !sameSecret(echoed, capabilities))) {
    await channel?.end();
    return failed({ kind: 'not-genuine' });
  }
  return done(channel);
}

async function runCommand(
  talk: Talk,
  session: SecureChannel | undefined,
  command: Command,
  framing: Framing,
): Promise<DesfireResult<Buffer>> {
  const { ins, header = NOTHING, data = NOTHING, answerBytes: bytes } = command;
  if (!session) {
    const answer = await exchange(talk, ins, Buffer.concat([header, data]), framing);
    return answer.ok && bytes !== 'any' && answer.value.length !== bytes
      ? failed({ kind: 'malformed' })
      : answer;
  }
  const { mode, macSent } = modeOf(command, session.kind);
  const body = await session.protect({ ins, header, data, mode, macSent });
  const answer = await exchange(talk, ins, body, framing);
  if (!answer.ok) return answer;
  const opened = await session.open(answer.value, { mode, bytes });
  return opened ? done(opened) : failed({ kind: 'not-genuine' });
}

async function changeKey(
  talk: Talk,
  session: SecureChannel,
  order: KeyChangeOrder,
  framing: Framing,
): Promise<DesfireResult<void>> {
  const { newKey, newVersion, oldKey, keySet } = order;
  const keyNo = order.ofCard ? AES_KEY_OF_CARD | order.keyNo : order.keyNo;
  const ins = keySet === undefined ? INS.changeKey : INS.changeKeyEv2;
  const header = keySet === undefined ? Uint8Array.of(keyNo) : Uint8Array.of(keySet, keyNo);
  const body = await session.protectKeyChange({ ins, header, newKey, newVersion, oldKey });
  const answer = await exchange(talk, ins, body, framing);
  if (!answer.ok) return answer;
  // The card has forgotten the session together with its key: there is no MAC any more.
  if (!oldKey) return answer.value.length === 0 ? done(undefined) : failed({ kind: 'not-genuine' });
  const opened = await session.open(answer.value, { mode: 'mac', bytes: 0 });
  return opened ? done(undefined) : failed({ kind: 'not-genuine' });
}
