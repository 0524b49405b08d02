/**
 * Puts a virtual card into Debian's virtual reader (vpcd), so that a tap runs through the real PC/SC stack.
 *
 * vpcd speaks length-framed messages over TCP: two bytes length, big-endian, then the message. A message of one byte
 * is a control: 00 power off, 01 power on, 02 reset, 04 "your ATR?"; longer ones are APDUs. The card side answers ATR
 * requests and APDUs and nothing else.
 */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { OperatorError } from '#platform/errors.ts';
import type { VirtualCard } from './virtual-card.ts';

/** Where vpcd's first slot listens unless configured otherwise. */
export const VPCD_PORT = 35963;

export interface VpcdOptions {
  readonly host?: string;
  readonly port?: number;
  readonly card: VirtualCard;
  /** The card may answer more than 255 bytes at a time. Each command then costs what the early byte saves, 44 ms. */
  readonly longAnswers?: boolean;
}

/** A card lying on the virtual reader. */
export interface InsertedCard {
  /** Takes the card away, in the middle of a command if need be. */
  remove(): Promise<void>;
  /** Fulfilled when the card is off the reader, for whatever reason. */
  readonly closed: Promise<void>;
}

/** Without historical bytes (PC/SC part 3). TS 3B; T0 80: no historical bytes; TD1 80, TD2 01: T=1; check byte 01. */
const CONTACTLESS_ATR = Uint8Array.of(0x3b, 0x80, 0x80, 0x01, 0x01);
const CONTROL = { powerOff: 0x00, powerOn: 0x01, reset: 0x02, atr: 0x04 } as const;
/** A loopback refuses at once; what takes long is this process when it is held up. */
const CONNECT_MS_MAX = 30_000;
/** The longest message and its length; vpcd waits for an answer before it sends another. */
const BUFFERED_BYTES_MAX = 2 + 0xffff;

/** Lays a card on the reader. PC/SC notices it at its next look, up to half a second later. */
export async function insertIntoVpcd(options: VpcdOptions): Promise<InsertedCard> {
  const socket = await connectTo(options.host ?? '127.0.0.1', options.port ?? VPCD_PORT);
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => resolve());
  });
  socket.on('error', () => socket.destroy());
  const leave = serve(socket, options);
  return {
    closed,
    remove: () => {
      leave();
      return closed;
    },
  };
}

async function connectTo(host: string, port: number): Promise<Socket> {
  const socket = connect({ host, port, noDelay: true });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(CONNECT_MS_MAX) });
    return socket;
  } catch (error) {
    socket.destroy();
    throw new OperatorError({
      code: 'VIRTUAL_READER_UNREACHABLE',
      happened: `No virtual card reader answers on ${host}:${port}.`,
      kept: 'Nothing was changed.',
      todo: 'Start pcscd with the vpcd driver: apt-get install -y pcscd vsmartcard-vpcd && pcscd',
      cause: error,
    });
  }
}

/** Answers vpcd's messages one after the other. The result takes the card off the reader. */
function serve(socket: Socket, options: VpcdOptions): () => void {
  const { card, longAnswers = false } = options;
  let buffered: Buffer = Buffer.alloc(0);
  let early = false;
  let busy = false;

  const reply = (answer: Uint8Array): void => {
    const header = Buffer.alloc(2);
    header.writeUInt16BE(answer.length);
    socket.write(Buffer.concat([early ? header.subarray(1) : header, answer]));
    early = false;
  };

  const leave = (): void => {
    // An answer begun by the early byte has to end, as an empty one: vpcd 3.3 crashes on half a length, and pcscd
    // with it. The PC/SC client sees what it sees with a real reader: success without a byte.
    if (early) socket.write(Uint8Array.of(0));
    early = false;
    socket.destroySoon();
  };

  const handle = async (message: Buffer): Promise<void> => {
    if (message.length > 1) {
      const answer = await card.transmit(message);
      if (socket.destroyed || socket.writableEnded) return;
      // No answer, or one that the early byte has made impossible: the card is gone.
      if (answer.length < 2 || (early && answer.length > 255)) leave();
      else reply(answer);
    } else if (message[0] === CONTROL.atr) reply(card.atr ?? CONTACTLESS_ATR);
    else if (message[0] !== undefined) card.reset();
  };

  const drain = async (): Promise<void> => {
    if (busy) return;
    busy = true;
    while (!socket.destroyed && !socket.writableEnded && buffered.length >= 2) {
      const length = buffered.readUInt16BE(0);
      if (buffered.length < 2 + length) {
        // vpcd sends header and body in two writes, and its kernel holds the second back until the first is
        // acknowledged (44 ms). The high byte of our answer's length, sent now, carries that acknowledgement.
        if (length > 1 && !early && !longAnswers) {
          early = true;
          socket.write(Uint8Array.of(0));
        }
        break;
      }
      const message = buffered.subarray(2, 2 + length);
      buffered = buffered.subarray(2 + length);
      await handle(message);
    }
    busy = false;
  };

  socket.on('data', (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    if (buffered.length > BUFFERED_BYTES_MAX) socket.destroy();
    drain().catch(leave);
  });
  return leave;
}
