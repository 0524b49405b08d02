/** Rows out of a copy, whatever pieces the network cuts the server's messages into. */
import { EventEmitter } from 'node:events';
import fc from 'fast-check';
import type pg from 'pg';
import { expect, test } from 'vitest';
import { copyOut } from '#platform/copy-out.ts';

function messageOf(kind: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head.write(kind);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

/** A driver's connection that keeps what it is given, and the query that was begun on it. */
function aClient() {
  const stream = new EventEmitter();
  const given: Buffer[] = [];
  stream.on('data', (bytes: Buffer) => void given.push(bytes));
  let begun: pg.Submittable & { handleReadyForQuery(): void };
  const client = {
    query(copy: typeof begun) {
      begun = copy;
      copy.submit({ stream, query: () => {} } as unknown as pg.Connection);
    },
  } as unknown as pg.ClientBase;
  return { client, stream, given, ready: () => begun.handleReadyForQuery() };
}

test('each row comes whole and once, every other message goes to the driver whole, however they are cut', async () => {
  const rows = fc.array(fc.string({ maxLength: 3000, unit: 'grapheme' }), { maxLength: 12 });
  const cuts = fc.array(fc.integer({ min: 1, max: 2500 }), { minLength: 1, maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(rows, cuts, async (texts, lengths) => {
      const messages = [
        messageOf('H', Buffer.alloc(3)),
        ...texts.map((text) => messageOf('d', Buffer.from(`${text}\n`))),
        messageOf('c', Buffer.alloc(0)),
        messageOf('C', Buffer.from('COPY\0')),
        messageOf('Z', Buffer.from('T')),
      ];
      const { client, stream, given, ready } = aClient();
      const taken: string[] = [];
      const finished = copyOut(client, 'SELECT 1', (block, from, until) => {
        taken.push(block.toString('utf8', from, until));
      });
      const bytes = Buffer.concat(messages);
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const length = lengths[i % lengths.length] as number;
        // As on a socket: what is not kept is written again.
        const chunk = Buffer.from(bytes.subarray(at, at + length));
        stream.emit('data', chunk);
        chunk.fill(0);
        at += length;
      }
      ready();
      await finished;
      expect(taken).toEqual(texts.map((text) => `${text}\n`));
      const others = messages.filter((message) => message[0] !== 'd'.charCodeAt(0));
      expect(Buffer.concat(given).equals(Buffer.concat(others))).toBe(true);
      // Afterwards the socket is the driver's again.
      stream.emit('data', Buffer.from('more'));
      expect(given.at(-1)?.toString()).toBe('more');
    }),
    { numRuns: 300 },
  );
});

test('what the taker throws is answered when the server is ready, and the rows after it are let pass', async () => {
  const { client, stream, ready } = aClient();
  let taken = 0;
  const finished = copyOut(client, 'SELECT 1', () => {
    taken++;
    throw new Error('no room');
  });
  const row = messageOf('d', Buffer.from('x\n'));
  stream.emit('data', Buffer.concat([row, row, messageOf('Z', Buffer.from('T'))]));
  ready();
  await expect(finished).rejects.toThrow('no room');
  expect(taken).toBe(1);
});
