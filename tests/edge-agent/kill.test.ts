/** The validator is killed with -9 at each of its named points while it works; then it heals, and the books are exact. */
import { spawn } from 'node:child_process';
import { createPrivateKey, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { signBytes } from '#contracts/hash-chain.ts';
import { parseRecordId } from '#contracts/ids.ts';
import { openSqliteJournal } from '../../edge-agent/adapters/sqlite-journal.ts';
import { openJournal } from '../../edge-agent/journal.ts';
import { tempFolder } from '../support/temp-folder.ts';
import {
  checkChain,
  createTestCity,
  type EnrolledFolder,
  enrol,
  type TestCity,
} from './support/edge-city.ts';
import { startTestIngest, type TestIngest } from './support/test-ingest.ts';

interface Answer {
  sign: string;
  repeated: boolean;
  recordId: string | null;
}
interface Plan {
  cards: number[];
  kill?: { point: string; count: number };
  drain?: boolean;
}

const CHILD = fileURLToPath(new URL('./support/edge-child.ts', import.meta.url));

let city: TestCity;
let ingest: TestIngest;
let folder: ReturnType<typeof tempFolder>;
let device: EnrolledFolder;
let issuerFile: string;

beforeEach(async () => {
  city = createTestCity();
  ingest = await startTestIngest(city);
  folder = tempFolder('edge-kill');
  device = enrol(join(folder.path, 'val-1'), city, { mqttUrl: ingest.url, passBackS: 600 });
  issuerFile = join(folder.path, 'issuer.pem');
  writeFileSync(issuerFile, city.issuer.privateKey.export({ type: 'pkcs8', format: 'pem' }));
});
afterEach(async () => {
  await ingest.stop();
  folder.remove();
});

/** Runs the child to its end; gives its answers and how it ended. */
async function work(plan: Plan): Promise<{ answers: Answer[]; signal: string | null; code: number | null }> {
  const args = ['--disable-warning=ExperimentalWarning', CHILD, device.dir, ingest.url, issuerFile];
  const child = spawn(process.execPath, [...args, JSON.stringify(plan)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let out = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString('utf8');
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, string | null];
  const answers = out
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Answer);
  return { answers, code, signal };
}

/** Records of the journal's file by number, checked as a chain. */
function journalRecords(): Map<string, string> {
  const { store, found } = openSqliteJournal({ path: join(device.dir, 'journal.db') }, 'x');
  expect(found).toBe('kept');
  const { epoch } = store.head() ?? { epoch: '' };
  const stored = store.newest(epoch, 100_000).toReversed();
  store.close();
  checkChain(
    stored.map((record) => record.bytes),
    stored[0]?.seq ?? 1,
    epoch,
  );
  return new Map(stored.map((r) => [`${r.epoch}.${r.seq}`, Buffer.from(r.bytes).toString('utf8')]));
}

function expectGreensRecorded(greens: readonly Answer[], records: ReadonlyMap<string, string>): void {
  for (const { recordId } of greens) {
    const id = parseRecordId(recordId ?? '');
    expect(JSON.parse(records.get(`${id?.epoch}.${id?.seq}`) ?? '{}')).toMatchObject({ kind: 'tap' });
  }
}

describe('kill -9', () => {
  it.each(['edge.before-append', 'edge.after-append', 'edge.after-answer', 'edge.before-free'])(
    'at %s loses no green, doubles no ride, and leaves the chain whole',
    async (point) => {
      // How many batches five touches make depends on the connection; the first receipt is certain.
      const count = point === 'edge.before-free' ? 1 : 3;
      const killed = await work({ cards: [1, 2, 3, 4, 5], kill: { point, count } });
      expect(killed.signal).toBe('SIGKILL');
      const greens = killed.answers.filter((answer) => answer.sign === 'accepted');
      const kept = journalRecords();
      expectGreensRecorded(greens, kept);

      // Card 3 was in hand when the process died (unless a receipt killed it); the rider touches again.
      const healed = await work({ cards: [3, 6], drain: true });
      expect(healed).toMatchObject({ code: 0, signal: null });
      const again = healed.answers[0];
      const tapsKept = [...kept.values()].filter((text) => JSON.parse(text).kind === 'tap').length;
      const rodeAlready = tapsKept >= 3;
      if (point !== 'edge.before-free') expect(rodeAlready).toBe(point !== 'edge.before-append');
      expect(again).toMatchObject({ sign: 'accepted', repeated: rodeAlready });
      expect(healed.answers[1]).toMatchObject({ sign: 'accepted', repeated: false });

      const all = [...greens, ...healed.answers];
      expect(new Set(all.map((answer) => answer.recordId)).size).toBe(all.length);
      expectGreensRecorded(all, journalRecords());
      expect(ingest.conflicts).toEqual([]);
      const arrived = new Map([...ingest.held].map(([key, { text }]) => [key, text]));
      expectGreensRecorded(all, arrived);
      const seqs = [...ingest.held.keys()].map((key) => Number(key.split('.')[1])).sort((a, b) => a - b);
      expect(seqs).toEqual(seqs.map((_seq, index) => index + 1));
      expect(new Set([...ingest.held.keys()].map((key) => key.split('.')[0])).size).toBe(1);
      const rides = [...arrived.values()].map((text) => JSON.parse(text)).filter((r) => r.kind === 'tap');
      const first = rides.filter((ride) => ride.body.passBackOfSeq === undefined);
      expect(new Set(first.map((ride) => ride.body.tokenId)).size).toBe(first.length);
    },
  );
});

describe('kill -9 in the middle of a salvage', () => {
  it('the next starts go on, and the city gets each record once', async () => {
    const privateKey = createPrivateKey(readFileSync(join(device.dir, 'device-key.pem')));
    const path = join(device.dir, 'journal.db');
    const { store } = openSqliteJournal({ path }, 'x');
    const at = { wallMs: Date.now(), monoMs: 5, bootId: 'b'.repeat(32) };
    const journal = openJournal(
      {
        store,
        deviceId: device.deviceId,
        sign: (message) => signBytes(message, privateKey),
        limits: { recordsMax: 1000, keptMax: 500 },
        software: 'test',
        newEpochId: () => randomBytes(16).toString('hex'),
      },
      { hadEpoch: false, at },
    );
    const body = { action: 'open', source: 'plan', where: {} } as const;
    for (let n = 1; n < 130; n++) journal.append({ kind: 'shift', at, body });
    const { epoch } = journal.head();
    store.close();
    writeFileSync(join(device.dir, 'journal-epoch'), `${epoch}\n`);
    const bytes = readFileSync(path);
    for (let page = 4096; page < bytes.length; page += 4096) bytes.fill(0xff, page, page + 8);
    writeFileSync(path, bytes);
    // After 50 records, after 100, and with all there but not a record of the new epoch.
    for (const count of [1, 2, 3]) {
      const killed = await work({ cards: [], kill: { point: 'edge.journal.salvaged-some', count } });
      expect([killed.signal, ingest.held.size]).toEqual(['SIGKILL', 0]);
    }
    expect(await work({ cards: [1], drain: true })).toMatchObject({
      code: 0,
      answers: [{ sign: 'accepted' }],
    });
    const keys = [...ingest.held.keys()].filter((key) => key.startsWith(`${epoch}.`));
    expect(keys).toHaveLength(130);
    expect(ingest.conflicts).toEqual([]);
    expect(readdirSync(device.dir).filter((name) => /damaged-[^.]*\.[^.-]*$/.test(name))).toHaveLength(1);
    expect(existsSync(`${path}.salvage`)).toBe(false);
  });
});
