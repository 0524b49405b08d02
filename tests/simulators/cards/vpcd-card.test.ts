import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DESFIRE_ATR } from '../../../simulators/cards/desfire/behind-reader.ts';
import type { Misbehaviour } from '../../../simulators/cards/misbehaviour.ts';
import { createVirtualCard, type VirtualCard } from '../../../simulators/cards/virtual-card.ts';
import { type InsertedCard, insertIntoVpcd, type VpcdOptions } from '../../../simulators/cards/vpcd-card.ts';
import { order } from './sample-card.ts';

const SELECT = Buffer.from('00a4040008f04b5659544f4b0100', 'hex');

/** Plays vpcd: a server that a card connects to. */
let server: Server;
let reader: Socket;
let card: InsertedCard;
let received: Buffer;
let arrived: () => void;

beforeEach(async () => {
  server = createServer({ noDelay: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  received = Buffer.alloc(0);
  arrived = () => {};
});
afterEach(async () => {
  await card?.remove();
  await new Promise((resolve) => server.close(resolve));
});

function port(): number {
  return (server.address() as { port: number }).port;
}

async function insert(virtual: VirtualCard, options: Partial<VpcdOptions> = {}): Promise<void> {
  const connected = once(server, 'connection');
  card = await insertIntoVpcd({ port: port(), card: virtual, ...options });
  [reader] = (await connected) as [Socket];
  reader.on('error', () => {});
  reader.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    arrived();
  });
}

/** Waits until so many bytes came in all, and hands them out. */
async function take(bytes: number): Promise<string> {
  while (received.length < bytes) {
    await new Promise<void>((resolve) => {
      arrived = resolve;
    });
  }
  const taken = received.subarray(0, bytes).toString('hex');
  received = received.subarray(bytes);
  return taken;
}

function frame(message: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([message.length >> 8, message.length & 0xff]), message]);
}

function misbehaving(misbehaviour: Misbehaviour): VirtualCard {
  return createVirtualCard({ ...order(), misbehaviour });
}

describe('a card on the virtual reader', () => {
  it('answers the question for its ATR and keeps silent at power on, power off and reset', async () => {
    let resets = 0;
    await insert({
      ...createVirtualCard(order()),
      reset: () => {
        resets += 1;
      },
    });
    reader.write(Buffer.concat([frame(Uint8Array.of(1)), frame(Uint8Array.of(2)), frame(Uint8Array.of(0))]));
    reader.write(frame(Uint8Array.of(4)));
    expect(await take(7)).toBe('00053b80800101');
    expect(resets).toBe(3);
    expect(received).toHaveLength(0);
  });

  it('answers a command that comes in one piece', async () => {
    await insert(createVirtualCard(order()));
    reader.write(frame(SELECT));
    expect(await take(16)).toBe('000e6f0a8408f04b5659544f4b019000');
  });

  it('sends the first byte of its answer when only the length of the command has come', async () => {
    await insert(createVirtualCard(order()));
    reader.write(frame(SELECT).subarray(0, 2));
    expect(await take(1)).toBe('00');
    reader.write(SELECT);
    expect(await take(15)).toBe('0e6f0a8408f04b5659544f4b019000');
  });

  it('waits for the rest of a control message without an early byte', async () => {
    await insert(createVirtualCard(order()));
    reader.write(Buffer.from([0, 1]));
    reader.write(Buffer.from([4]));
    expect(await take(7)).toBe('00053b80800101');
  });

  it('gives an answer above 255 bytes when the card was laid down for that, and not one byte early', async () => {
    const transmit = async () => Buffer.alloc(300, 0xab);
    await insert({ ...createVirtualCard(order()), transmit, atr: DESFIRE_ATR }, { longAnswers: true });
    reader.write(frame(Uint8Array.of(4)));
    expect(await take(8)).toBe('00063b8180018080');
    reader.write(frame(SELECT).subarray(0, 2));
    reader.write(SELECT);
    expect(await take(302)).toBe(`012c${'ab'.repeat(300)}`);
  });

  it('answers two commands that come at once, in order', async () => {
    await insert(createVirtualCard(order()));
    reader.write(Buffer.concat([frame(SELECT), frame(Buffer.from('00b0810001', 'hex'))]));
    expect(await take(21)).toBe('000e6f0a8408f04b5659544f4b0190000003019000');
  });

  it('ends an answer that it began before it is pulled away', async () => {
    await insert(misbehaving({ kind: 'gone-after', apdus: 0 }));
    const ended = once(reader, 'end');
    reader.write(frame(SELECT).subarray(0, 2));
    expect(await take(1)).toBe('00');
    reader.write(SELECT);
    expect(await take(1)).toBe('00');
    await ended;
    await card.closed;
  });

  it('can be taken away while it keeps a command waiting for ever', async () => {
    await insert(misbehaving({ kind: 'silent' }));
    const ended = once(reader, 'end');
    reader.write(frame(SELECT).subarray(0, 2));
    await take(1);
    reader.write(SELECT);
    await card.remove();
    expect(await take(1)).toBe('00');
    await ended;
  });

  it('says what to do when there is no virtual reader', async () => {
    const nobody = port();
    await new Promise((resolve) => server.close(resolve));
    await expect(insertIntoVpcd({ port: nobody, card: createVirtualCard(order()) })).rejects.toMatchObject({
      code: 'VIRTUAL_READER_UNREACHABLE',
      todo: expect.stringContaining('apt-get install -y pcscd vsmartcard-vpcd'),
    });
    server.listen(0);
    await once(server, 'listening');
  });
});
