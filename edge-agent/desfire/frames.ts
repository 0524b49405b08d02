/**
 * Native commands wrapped in ISO/IEC 7816-4 and cut into frames. Each direction may be chained by `AF`; whatever a card
 * answers, the number of frames and of bytes is bounded.
 */
import type { CardAnswer } from '../apdu.ts';
import { INS } from './command.ts';
import { type DesfireResult, done, failed, STATUS } from './status.ts';

/** The way to the card: one APDU, one whole answer; `undefined` when the conversation is over (apdu.ts). */
export interface Talk {
  send(apdu: Uint8Array): Promise<CardAnswer | undefined>;
}

/**
 * `iso`: a command is one APDU, ISO/IEC 14443-4 cuts it below us (EV2, EV3). `native`: at most 60 bytes at a time, joined by
 * `AF` (EV1).
 */
export type Framing = 'iso' | 'native';

/** Most bytes behind the instruction in one APDU. */
const SENT_BYTES_MAX: Readonly<Record<Framing, number>> = { iso: 255, native: 54 };
/** Most frames of one answer: the longest that we ask for is 32 applications or a file of 1 kB in frames of 59 bytes. */
const FRAMES_MAX = 24;
/** Most bytes of one whole answer, protection included. */
export const ANSWER_BYTES_MAX = 1024;

/** Sends a protected command and gives the joined answer. A status other than 00 is a failure. */
export async function exchange(
  talk: Talk,
  ins: number,
  body: Uint8Array,
  framing: Framing,
): Promise<DesfireResult<Buffer>> {
  const sent = await sendBody(talk, ins, body, framing);
  if (!sent.ok) return sent;
  let answer = sent.value;
  if (answer.status === STATUS.ok) return done(answer.data);
  const parts: Buffer[] = [];
  let bytes = 0;
  for (let frames = 1; answer.status === STATUS.moreFrames; frames++) {
    bytes += answer.data.length;
    if (frames >= FRAMES_MAX || bytes > ANSWER_BYTES_MAX) return failed({ kind: 'malformed' });
    parts.push(answer.data);
    const next = await talk.send(wrapped(INS.moreFrames, NO_BODY));
    if (!next) return failed({ kind: 'gone' });
    answer = next;
  }
  if (answer.status !== STATUS.ok) return failed({ kind: 'status', status: answer.status });
  if (bytes + answer.data.length > ANSWER_BYTES_MAX) return failed({ kind: 'malformed' });
  return done(Buffer.concat([...parts, answer.data]));
}

/** One APDU of a handshake: `status` must come, with exactly `bytes` of data. */
export async function exchangeStep(
  talk: Talk,
  ins: number,
  body: Uint8Array,
  expected: { readonly status: number; readonly bytes: number },
): Promise<DesfireResult<Buffer>> {
  const answer = await talk.send(wrapped(ins, body));
  if (!answer) return failed({ kind: 'gone' });
  if (answer.status !== expected.status) {
    const refused = answer.status !== STATUS.ok && answer.status !== STATUS.moreFrames;
    return failed(refused ? { kind: 'status', status: answer.status } : { kind: 'malformed' });
  }
  return answer.data.length === expected.bytes ? done(answer.data) : failed({ kind: 'malformed' });
}

/** Sends a body in as many frames as it needs and gives the answer to the last. */
async function sendBody(
  talk: Talk,
  ins: number,
  body: Uint8Array,
  framing: Framing,
): Promise<DesfireResult<CardAnswer>> {
  const most = SENT_BYTES_MAX[framing];
  if (framing === 'iso' && body.length > most)
    throw new RangeError(`${body.length} bytes do not fit one APDU; cut the data`);
  for (let at = 0; ; at += most) {
    const last = at + most >= body.length;
    const apdu = wrapped(at === 0 ? ins : INS.moreFrames, body.subarray(at, at + most));
    const answer = await talk.send(apdu);
    if (!answer) return failed({ kind: 'gone' });
    if (last) return done(answer);
    // The card wants to hear no more although there is more: whatever it says, it did not get the command.
    if (answer.status !== STATUS.moreFrames)
      return failed(
        answer.status === STATUS.ok ? { kind: 'malformed' } : { kind: 'status', status: answer.status },
      );
  }
}

const NO_BODY = Buffer.alloc(0);

/** `90 INS 00 00 [Lc body] 00`. */
export function wrapped(ins: number, body: Uint8Array): Uint8Array {
  if (body.length === 0) return Uint8Array.of(0x90, ins, 0, 0, 0);
  const apdu = new Uint8Array(6 + body.length);
  apdu.set([0x90, ins, 0, 0, body.length]);
  apdu.set(body, 5);
  return apdu;
}
