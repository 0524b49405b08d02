/** A real broker with a small ingest behind it: keeps what devices bring, and signs receipts as long as it is told to. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { Aedes } from 'aedes';
import { decodeBatch } from '#contracts/batch.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import type { Receipt } from '#contracts/receipt.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { deviceTopic, parseDeviceTopic } from '#contracts/topics.ts';
import { receiptFor, seal, type TestCity } from './edge-city.ts';

export interface TestIngest {
  readonly url: string;
  readonly port: number;
  /** Hash by `<epoch>.<seq>` with the record's bytes. */
  readonly held: Map<string, { hash: string; text: string }>;
  /** Keys that came with two different hashes. */
  readonly conflicts: string[];
  readonly batches: { deviceId: string; count: number }[];
  /** Batches as they came. */
  readonly payloads: Buffer[];
  readonly statuses: string[];
  readonly healths: string[];
  /** While false, batches are kept but not answered. */
  answering: boolean;
  more: () => Partial<Receipt>;
  publish(topic: string, payload: Uint8Array, retain?: boolean): Promise<void>;
  command(deviceId: string, command: object): Promise<void>;
  /** Closes every connection, as a broker that dies. */
  dropAll(): void;
  stop(): Promise<void>;
}

export async function startTestIngest(city: TestCity, port = 0): Promise<TestIngest> {
  const aedes = await Aedes.createBroker();
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    socket.setNoDelay(true);
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    aedes.handle(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const listening = (server.address() as { port: number }).port;
  const publish = (topic: string, payload: Uint8Array, retain = false): Promise<void> =>
    new Promise((resolve, reject) => {
      aedes.publish(
        { cmd: 'publish', topic, payload: Buffer.from(payload), qos: 1, retain, dup: false },
        (error) => (error ? reject(error) : resolve()),
      );
    });
  const ingest: TestIngest = {
    url: `mqtt://127.0.0.1:${listening}`,
    port: listening,
    held: new Map(),
    conflicts: [],
    batches: [],
    payloads: [],
    statuses: [],
    healths: [],
    answering: true,
    more: () => ({ issuedAtMs: Date.now() }),
    publish,
    command: (deviceId, command) =>
      publish(deviceTopic(deviceId, 'commands'), sealEnvelope('command', command, city.ingest)),
    dropAll: () => {
      for (const socket of sockets) socket.destroy();
    },
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(() => resolve()));
      const closed = once(server, 'close');
      server.close();
      await closed;
    },
  };
  aedes.on('publish', (packet) => {
    const address = parseDeviceTopic(packet.topic);
    if (!address) return;
    const payload = packet.payload as Buffer;
    if (address.channel === 'status') ingest.statuses.push(payload.toString('utf8'));
    if (address.channel === 'health') hear(ingest, address.deviceId, payload.toString('utf8'));
    if (address.channel === 'taps') take(ingest, address.deviceId, payload, city);
  });
  return ingest;
}

/** Keeps a health message; while it answers, tells the time to a device that asks. */
function hear(ingest: TestIngest, deviceId: string, text: string): void {
  ingest.healths.push(text);
  const nonce: string | undefined = JSON.parse(text).timeNonce;
  if (nonce === undefined || !ingest.answering) return;
  const cityMs = ingest.more().issuedAtMs ?? Date.now();
  const times = { issuedAtMs: cityMs, expiresAtMs: cityMs + 1000, cityMs };
  ingest
    .command(deviceId, { v: 1, commandId: randomUUID(), deviceId, kind: 'tell-time', nonce, ...times })
    .catch(() => {});
}

function take(ingest: TestIngest, deviceId: string, payload: Buffer, city: TestCity): void {
  const decoded = decodeBatch(payload);
  if (!decoded.ok) throw new Error(JSON.stringify(decoded.problems));
  const { header, records } = decoded.value;
  ingest.batches.push({ deviceId, count: header.count });
  ingest.payloads.push(payload);
  for (const [index, bytes] of records.entries()) {
    const key = `${header.epoch}.${header.firstSeq + index}`;
    const hash = sha256Hex(bytes);
    const known = ingest.held.get(key);
    if (known && known.hash !== hash) ingest.conflicts.push(key);
    if (!known) ingest.held.set(key, { hash, text: Buffer.from(bytes).toString('utf8') });
  }
  if (!ingest.answering) return;
  const range = {
    epoch: header.epoch,
    fromSeq: header.firstSeq,
    toSeq: header.firstSeq + header.count - 1,
    head: header.head,
    status: 'accepted' as const,
  };
  const receipt = seal(receiptFor(deviceId, [range], ingest.more()), city);
  ingest.publish(deviceTopic(deviceId, 'receipts'), receipt).catch(() => {});
}
