/** A whole validator in this process: device folder, real SQLite, real broker, in-process reader. */
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DenyDelta, DenyManifest } from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import {
  createInProcessCardReader,
  type InProcessCardReader,
} from '../../edge-agent/adapters/in-process-card-reader.ts';
import { AGENT_LIMITS } from '../../edge-agent/agent-limits.ts';
import type { EdgeConfig } from '../../edge-agent/config.ts';
import { type EdgeRole, startEdge } from '../../edge-agent/main.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { cardOf, createTestCity, type EnrolledFolder, enrol, type TestCity } from './support/edge-city.ts';
import { startTestIngest, type TestIngest } from './support/test-ingest.ts';

let city: TestCity;
let folder: ReturnType<typeof tempFolder>;
let device: EnrolledFolder;
const stops: (() => Promise<void>)[] = [];

beforeEach(() => {
  city = createTestCity();
  folder = tempFolder('edge');
  device = enrol(join(folder.path, 'val-1'), city);
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  folder.remove();
});

interface Running {
  edge: EdgeRole;
  reader: InProcessCardReader;
  logs: string[];
  tap(number: number): Promise<{ sign: string; reason?: string; id: string | null }>;
}

async function run(config: Partial<EdgeConfig> = {}): Promise<Running> {
  const reader = createInProcessCardReader(device.dir);
  const logs: string[] = [];
  const log = createLogger({ component: 'edge', write: (line) => void logs.push(line) });
  const edge = await startEdge({ deviceDir: device.dir, ...config }, { clock: systemClock, log, reader });
  stops.push(() => edge.stop());
  let last: { sign: string; reason?: string; id: string | null } = { sign: '', id: null };
  edge.agent.onAnswer(({ sign, reason }, id) => {
    last = reason === undefined ? { sign, id } : { sign, reason, id };
  });
  const tap = async (number: number) => {
    await reader.present(cardOf(city, number));
    return last;
  };
  return { edge, reader, logs, tap };
}

async function withIngest(port = 0): Promise<TestIngest> {
  const ingest = await startTestIngest(city, port);
  stops.push(() => ingest.stop().catch(() => {}));
  return ingest;
}

const epochRecord = (ingest: TestIngest) =>
  [...ingest.held.values()].map(({ text }) => JSON.parse(text)).findLast((r) => r.kind === 'epoch');

/** Kinds of the records that it holds, but for those of its time: how many these are is a matter of how long something takes. */
const kindsOf = (ingest: TestIngest): string[] =>
  [...ingest.held.values()]
    .map(({ text }) => String(JSON.parse(text).kind))
    .filter((kind) => kind !== 'clock-sync')
    .toSorted();

describe('with the city', () => {
  it('taps arrive signed, are receipted and kept, and the status says online, then offline at a clean end', async () => {
    const ingest = await withIngest();
    const { edge, tap } = await run({ mqttUrl: ingest.url });
    expect((await tap(1)).sign).toBe('accepted');
    expect((await tap(2)).sign).toBe('accepted');
    // The city's time comes on a way of its own, and is a record that wants its receipt.
    await until(() => edge.agent.health().clock.syncAgeMs !== null);
    await until(() => [...ingest.held.values()].some(({ text }) => JSON.parse(text).kind === 'clock-sync'));
    await until(() => edge.agent.health().journal.unreceipted === 0);
    expect(kindsOf(ingest)).toEqual(['epoch', 'tap', 'tap']);
    await edge.stop();
    await until(() => ingest.statuses.length >= 2);
    expect(ingest.statuses.map((text) => JSON.parse(text).online)).toEqual([true, false]);
    expect(ingest.healths.length).toBeGreaterThan(0);
  });

  it('a broker that dies and comes back costs nothing: cards are answered in between, all arrives once', async () => {
    const ingest = await withIngest();
    const { edge, tap } = await run({ mqttUrl: ingest.url });
    await tap(1);
    await until(() => edge.agent.health().journal.unreceipted === 0);
    await ingest.stop();
    await until(() => !edge.agent.view().online);
    for (let n = 2; n <= 6; n++) expect((await tap(n)).sign).toBe('accepted');
    const back = await withIngest(ingest.port);
    await until(() => edge.agent.health().journal.unreceipted === 0);
    expect(edge.agent.view().online).toBe(true);
    const taps = [...back.held.values()].filter(({ text }) => JSON.parse(text).kind === 'tap');
    expect(taps).toHaveLength(5);
    expect(back.conflicts).toEqual([]);
  });

  it('a city that takes batches but loses its receipts gets them again, and holds each record once', async () => {
    const ingest = await withIngest();
    ingest.answering = false;
    const upload = { ...AGENT_LIMITS.upload, receiptTimeoutMs: 100, pauseMs: 20, pauseMsMax: 40 };
    const { edge, tap } = await run({ mqttUrl: ingest.url, limits: { upload } });
    await tap(1);
    await until(() => ingest.batches.length >= 4);
    ingest.answering = true;
    await until(() => edge.agent.health().journal.unreceipted === 0);
    expect(ingest.conflicts).toEqual([]);
    expect(kindsOf(ingest)).toEqual(['epoch', 'tap']);
  });

  it('a deny list on the broker reaches the next tap; a command is carried out', async () => {
    const ingest = await withIngest();
    const tokenId = await tokenOf(3);
    const manifest: DenyManifest = {
      v: 1,
      generation: 1,
      n: 1,
      snapshotN: 0,
      snapshotChunks: 0,
      snapshotSha256: sha256Hex(''),
      entries: 1,
      issuedAtMs: Date.now(),
    };
    const entry = { tokenId, reason: 'lost', scope: 'all', validFromMs: 0, validUntilMs: null } as const;
    const delta: DenyDelta = { v: 1, generation: 1, n: 1, add: [entry], remove: [] };
    await ingest.publish(LISTS.denyManifest, sealEnvelope('deny-manifest', manifest, city.lists), true);
    await ingest.publish(LISTS.denyDelta(1, 1), sealEnvelope('deny-delta', delta, city.lists), true);
    const { edge, tap } = await run({ mqttUrl: ingest.url });
    await until(() => edge.agent.health().denyList.version.n === 1);
    expect(await tap(3)).toMatchObject({ sign: 'refused', reason: 'CARD_BLOCKED' });
    expect((await tap(4)).sign).toBe('accepted');
    const healths = ingest.healths.length;
    await ingest.command('val-1', {
      v: 1,
      commandId: randomUUID(),
      deviceId: 'val-1',
      issuedAtMs: Date.now(),
      expiresAtMs: Date.now() + 60_000,
      kind: 'report-health',
    });
    await until(() => ingest.healths.length > healths);
    expect(edge.agent.health().denyList.ageMs).toBeLessThan(60_000);
  });

  async function tokenOf(number: number): Promise<string> {
    const scratch = enrol(join(folder.path, 'scratch'), city, { deviceId: 'val-9' });
    const reader = createInProcessCardReader(scratch.dir);
    const log = createLogger({ component: 'edge', level: 'silent' });
    const edge = await startEdge({ deviceDir: scratch.dir }, { clock: systemClock, log, reader });
    await reader.present(cardOf(city, number));
    await edge.stop();
    const bytes = readFileSync(join(scratch.dir, 'journal.db'));
    return /k1\.[0-9a-f]{32}/.exec(bytes.toString('latin1'))?.[0] ?? '';
  }
});

describe('the epoch', () => {
  it('a restart goes on in the same epoch and number', async () => {
    const first = await run();
    await first.tap(1);
    const { epoch, seq } = first.edge.agent.health();
    await first.edge.stop();
    const second = await run();
    expect(second.edge.agent.health()).toMatchObject({ epoch, seq });
  });

  it('a journal that vanished is missed: the new epoch says lost', async () => {
    const first = await run();
    await first.tap(1);
    const { epoch } = first.edge.agent.health();
    await first.edge.stop();
    for (const tail of ['', '-wal', '-shm']) rmSync(join(device.dir, `journal.db${tail}`), { force: true });
    const ingest = await withIngest();
    const second = await run({ mqttUrl: ingest.url });
    expect(second.edge.agent.health().epoch).not.toBe(epoch);
    await until(() => epochRecord(ingest));
    expect(epochRecord(ingest).body.follows).toBe('lost');
  });

  it('a damaged journal is moved aside, said in the log, and followed by an epoch that says lost', async () => {
    const first = await run();
    await first.tap(1);
    await first.edge.stop();
    writeFileSync(join(device.dir, 'journal.db'), 'rubbish'.repeat(2000));
    const ingest = await withIngest();
    const second = await run({ mqttUrl: ingest.url });
    expect(readdirSync(device.dir).some((name) => name.startsWith('journal.db.damaged-'))).toBe(true);
    expect(second.logs.join('')).toContain('edge.journal.damaged-moved-aside');
    await until(() => epochRecord(ingest));
    expect(epochRecord(ingest).body.follows).toBe('lost');
    expect((await second.tap(1)).sign).toBe('accepted');
  });

  it('the first start of a device says none', async () => {
    const ingest = await withIngest();
    await run({ mqttUrl: ingest.url });
    await until(() => epochRecord(ingest));
    expect(epochRecord(ingest).body.follows).toBe('none');
  });
});

describe('a device enrolled again', () => {
  it('with a new key goes on in a new epoch that names the old head', async () => {
    const first = await run();
    await first.tap(1);
    const { epoch, seq } = first.edge.agent.health();
    await first.edge.stop();
    device = enrol(device.dir, city);
    const ingest = await withIngest();
    const second = await run({ mqttUrl: ingest.url });
    expect(second.edge.agent.health()).toMatchObject({ seq: 1 });
    await until(() => epochRecord(ingest)?.body.follows.epoch === epoch);
    expect(epochRecord(ingest).body.follows).toMatchObject({ epoch, seq });
  });

  it('as another device does not write into a journal that is not its own', async () => {
    const first = await run();
    await first.edge.stop();
    device = enrol(device.dir, city, { deviceId: 'val-2' });
    await expect(run()).rejects.toMatchObject({ code: 'JOURNAL_OF_ANOTHER_DEVICE' });
  });
});

describe('a folder that cannot be used', () => {
  it('a second agent on the same folder is refused and named the first; the first goes on', async () => {
    const first = await run();
    await expect(run()).rejects.toMatchObject({
      code: 'DATA_FOLDER_IN_USE',
      happened: expect.stringContaining(String(process.pid)),
    });
    expect((await first.tap(1)).sign).toBe('accepted');
  });

  it('all problems of a device folder are named at once, and no secret with them', async () => {
    rmSync(join(device.dir, 'token-key'));
    writeFileSync(join(device.dir, 'device-key.pem'), 'not a key');
    rmSync(join(device.dir, 'mqtt-secret'));
    const file = JSON.parse(readFileSync(join(device.dir, 'device.json'), 'utf8'));
    file.ingestKeys = { 'ingest-1': 'nonsense' };
    file.listKeys = {};
    writeFileSync(join(device.dir, 'device.json'), JSON.stringify(file));
    const error = await run().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'DEVICE_FOLDER_INVALID' });
    const text = (error as Error).message;
    for (const part of [
      'token-key is missing',
      'device-key.pem is not',
      'mqtt-secret is missing',
      'ingestKeys/ingest-1',
      'listKeys is empty',
    ])
      expect(text).toContain(part);
  });

  it("a bad secret of cards is the reader's to refuse, and is not quoted", async () => {
    writeFileSync(join(device.dir, 'token-key'), 'xyz-secret-token');
    const error = await run().catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'DEVICE_FOLDER_INVALID' });
    expect((error as Error).message).toContain('token-key does not');
    expect((error as Error).message).not.toContain('xyz-secret');
  });

  it('a device.json with wrong fields names each of them', async () => {
    const file = JSON.parse(readFileSync(join(device.dir, 'device.json'), 'utf8'));
    file.deviceId = 'No Good/+';
    file.policy.passBackS = -1;
    file.policy.mediumKinds = ['paper'];
    writeFileSync(join(device.dir, 'device.json'), JSON.stringify(file));
    const error = await run().catch((thrown: unknown) => thrown);
    for (const part of ['/deviceId', '/policy/passBackS', '/policy/mediumKinds'])
      expect((error as Error).message).toContain(part);
  });

  it('a screen port in use is a clear error, and the folder is free again', async () => {
    const ingest = await withIngest();
    await expect(run({ screenPort: ingest.port })).rejects.toMatchObject({ code: 'PORT_IN_USE' });
    await run();
  });
});

describe('a full disk', () => {
  it('red and out of order while it lasts, and no record is half there', async () => {
    const first = await run({ journalPagesMax: 30 });
    let answer = await first.tap(1);
    let greens = 0;
    for (let n = 2; answer.sign === 'accepted'; n++) {
      greens++;
      answer = await first.tap(n);
    }
    expect(answer).toEqual({ sign: 'refused', reason: 'VALIDATOR_OUT_OF_ORDER', id: null });
    expect(first.edge.agent.state()).toBe('out-of-order');
    await first.edge.stop();
    const second = await run();
    expect(second.edge.agent.health().seq).toBe(1 + greens);
    expect((await second.tap(999)).sign).toBe('accepted');
  });
});

describe('secrets', () => {
  it('neither the log nor the journal holds a token key, a broker secret or a medium id', async () => {
    const ingest = await withIngest();
    const { edge, tap, logs } = await run({ mqttUrl: ingest.url });
    await tap(0x1234);
    await until(() => edge.agent.health().journal.unreceipted === 0);
    await edge.stop();
    const everything = `${logs.join('')}${readFileSync(join(device.dir, 'journal.db')).toString('latin1')}`;
    expect(everything).toMatch(/k1\.[0-9a-f]{32}/);
    expect(everything).not.toContain(city.tokenKey.toString('hex'));
    expect(everything).not.toContain(device.secret);
    expect(everything).not.toContain(`${'0'.repeat(24)}00001234`);
    expect(logs.join('')).not.toContain('k1.');
  });
});
