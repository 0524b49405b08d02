/**
 * The checks that planted bugs must not pass: each stages one accident and answers with what does not add up, nothing
 * when all is well. They run in child processes (`check-child.ts`), with or without a planted bug.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { encodeBatch } from '#contracts/batch.ts';
import { headMessage, sha256Hex, signBytes } from '#contracts/hash-chain.ts';
import type { Receipt } from '#contracts/receipt.ts';
import { parseRecord } from '#contracts/record.ts';
import { deviceTopic } from '#contracts/topics.ts';
import { openSqliteJournal } from '../../../edge-agent/adapters/sqlite-journal.ts';
import { openJournal } from '../../../edge-agent/journal.ts';
import { reconcile } from '../../../fare-engine/reconcile.ts';
import { workInbox } from '../../../fare-engine/work-chunk.ts';
import { startChild } from '../../../simulators/faults/child-process.ts';
import type { ValidatorsOrder } from '../../../simulators/faults/validators-child.ts';
import { tapRow, token } from '../../fare-engine/support/a-record.ts';
import { openEngineDatabase } from '../../fare-engine/support/engine-database.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { openSpine, type Spine, WAIT_MS_MAX } from './spine.ts';

export type Check = () => Promise<string[]>;

/** Stages something in a spine; what it returns is added to what does not add up, or stands for it. */
function onSpine(stage: (spine: Spine) => Promise<string[] | undefined>, count = true): Check {
  return async () => {
    const spine = await openSpine();
    try {
      const found = (await stage(spine)) ?? [];
      return count ? [...found, ...(await spine.problems())] : found;
    } finally {
      await spine.close();
    }
  };
}

async function ride(spine: Spine, touches: number): Promise<void> {
  const validator = await spine.startValidator();
  for (let n = 1; n <= touches; n++) await validator.touch(n);
  await validator.receipted();
  await validator.stop();
}

const UNSYNCED = { wallMs: Date.UTC(2025, 9, 14, 4), monoMs: 1000, bootId: 'b'.repeat(32) };

export const CHECKS: Readonly<Record<string, Check>> = {
  /** The database takes a group back before it is committed: nobody may have a receipt for it. */
  'rolled-back': onSpine(async (spine) => {
    let accidents = 2;
    await spine.startIngest((point) => {
      if (point === 'ingest.before-commit' && accidents-- > 0)
        throw Object.assign(new Error('taken back'), { code: '57P01' });
    });
    await ride(spine, 5);
    return undefined;
  }),

  /** The broker acknowledges everything while no ingest listens; one comes later. */
  'deaf-city': onSpine(async (spine) => {
    spine.wire.rule([{ direction: 'up', filter: 'kvytok/v1/+/taps' }]);
    const validator = await spine.startValidator();
    for (let n = 1; n <= 5; n++) await validator.touch(n);
    // Offered several times over by then; a validator that believed the broker has nothing more to offer.
    await until(() => spine.wire.counts().passed >= 8, { withinMs: 10_000 }).catch(() => {});
    await spine.startIngest();
    await validator.receipted();
    await validator.stop();
    return undefined;
  }),

  /** Every batch comes twice. */
  'told-twice': onSpine(async (spine) => {
    const ingest = await spine.startIngest();
    spine.wire.rule([{ direction: 'up', filter: 'kvytok/v1/+/taps', duplicate: 1 }]);
    await ride(spine, 8);
    const { repeated } = ingest.counts();
    return repeated > 0 ? undefined : ['no record was known to have come before'];
  }),

  /** The disk is full in the middle of the morning. */
  'full-disk': onSpine(async (spine) => {
    await spine.startIngest();
    const validator = await spine.startValidator({ journalPagesMax: 16 });
    for (let n = 1; n <= 60; n++) await validator.touch(n);
    await validator.receipted();
    await validator.stop();
    return spine.greens.size < 60 ? undefined : ['the disk was never full'];
  }),

  /** No green without a sync of the disk before it. */
  'synced-greens': async () => {
    const spine = await openSpine();
    const trace = join(spine.deviceDir, 'trace');
    const order: ValidatorsOrder = {
      deviceFolders: [spine.deviceDir],
      mqttUrl: 'mqtt://127.0.0.1:1',
      issuerKeyFile: spine.issuerKeyFile,
      routeId: '9',
      cards: 100,
      everyMs: 20,
      seed: 1,
    };
    let greens = 0;
    const child = startChild({
      file: new URL('../../../simulators/faults/validators-child.ts', import.meta.url),
      args: [JSON.stringify(order)],
      env: Object.fromEntries(Object.entries(process.env).map(([key, value]) => [key, value ?? ''])),
      nodeArgs: process.execArgv,
      // Greens and syncs in one list, in the order in which they happened: whoever reads may come late.
      under: ['strace', '-D', '-f', '-qq', '-e', 'trace=fsync,fdatasync,write,writev', '-o', trace],
      onLine: () => void greens++,
    });
    await until(() => greens >= 6);
    await child.kill();
    const happened = readFileSync(trace, 'utf8')
      .split('\n')
      .flatMap((line) => (/ f(data)?sync\(/.test(line) ? 's' : /write.*green/.test(line) ? 'g' : []))
      .join('');
    await spine.close();
    // From the first green on: files that are made at the start are synced too.
    const unsynced = [...happened.slice(happened.indexOf('g')).matchAll(/g(?=g)/g)].length;
    return unsynced === 0 && happened.includes('g')
      ? []
      : [`${unsynced} greens came without a sync: ${happened}`];
  },

  /** A rider who saw no light, because the validator started anew, touches again: one ride. */
  'touched-again': onSpine(async (spine) => {
    await spine.startIngest();
    await ride(spine, 1);
    await ride(spine, 1);
    const { store } = openSqliteJournal({ path: join(spine.deviceDir, 'journal.db') }, 'check');
    const taps = store.newest(store.head()?.epoch ?? '', 100).flatMap(({ bytes }) => {
      const record = parseRecord(bytes);
      return record.ok && record.value.kind === 'tap' ? [record.value] : [];
    });
    store.close();
    const rides = taps.filter(({ body }) => body.passBackOfSeq === undefined).length;
    return taps.length === 2 && rides === 1 ? undefined : [`${taps.length} touches made ${rides} rides`];
  }),

  /** Other bytes come under a number that is taken, signed by the device's own key. */
  'other-bytes': onSpine(async (spine) => {
    const ingest = await spine.startIngest();
    await ride(spine, 3);
    await forge(spine);
    // A batch that was only offered twice counts as repeated too, and says nothing.
    return until(() => ingest.counts().quarantined > 0, { withinMs: WAIT_MS_MAX }).then(
      () => undefined,
      () => ['other bytes under a known number passed without a word'],
    );
    // The journals and the city differ by what was forged, as they must.
  }, false),

  /** Receipts that speak of other bytes, or come from a database that was replaced. */
  'false-receipt': async () => {
    const folder = tempFolder('receipt');
    const { store } = openSqliteJournal({ path: join(folder.path, 'journal.db') }, 'check');
    const limits = { recordsMax: 100, keptMax: 100 };
    const newEpochId = () => 'e'.repeat(32);
    const journal = openJournal(
      { store, deviceId: 'val-1', sign: () => 's', limits, software: 'check', newEpochId },
      { hadEpoch: false, at: UNSYNCED },
    );
    const { epoch, seq, hash } = journal.head();
    const receipt = (head: string, incarnation: string): Receipt => ({
      v: 1,
      deviceId: 'val-1',
      incarnation: incarnation.repeat(32),
      backupWatermarkMs: null,
      issuedAtMs: UNSYNCED.wallMs,
      ranges: [{ epoch, fromSeq: 1, toSeq: seq, head, status: 'accepted' }],
    });
    const problems: string[] = [];
    const open = (why: string) => {
      if (journal.counts().accepted > 0) problems.push(why);
    };
    journal.applyReceipt(receipt(sha256Hex(Buffer.from('other')), '1'));
    open('a receipt about other bytes freed a record');
    journal.applyReceipt(receipt(sha256Hex(Buffer.from('other')), '2'));
    journal.applyReceipt(receipt(hash, '1'));
    open('a receipt of a replaced database freed a record');
    store.close();
    folder.remove();
    return problems;
  },

  /** Two workers price taps of one account at the same moment. */
  'two-at-once': async () => {
    const engine = await openEngineDatabase();
    const problems: string[] = [];
    const [riders, minuteMs] = [12, 60_000];
    // Each has ridden before on that day: making accounts and days keeps others back as the lock does.
    const atOf = (rider: number) => Date.UTC(2025, 9, 14, 5) + rider * minuteMs;
    const first = Array.from({ length: riders }, (_, index) => index + 1);
    await engine.deliver(
      first.map((rider) =>
        tapRow({
          ...{ device: 'val-9', vehicleId: 'bus-9', seq: rider, atMs: atOf(rider), token: token(rider) },
        }),
      ),
    );
    await engine.drain();
    for (let rider = 1; rider <= riders; rider++) {
      const at = atOf(rider);
      const rows = [31, 36, 41, 46].map((minutes, index) =>
        tapRow({
          device: `val-${index}`,
          vehicleId: `bus-${index}`,
          seq: rider,
          atMs: at + minutes * minuteMs,
          token: token(rider),
        }),
      );
      await engine.deliver(rows);
      const deps = engine.deps();
      // Each has claimed and loaded before any writes, unless the account's lock keeps it back.
      const worker = async (): Promise<void> => {
        while ((await workInbox(deps, 1).catch(() => ({ claimed: 1 }))).claimed > 0);
      };
      await Promise.all([worker(), worker(), worker(), worker()]);
      await engine.drain();
    }
    const books = await reconcile(engine.admin);
    problems.push(...books.problems);
    // The stand-in tariff: a ride is paid, what follows within half an hour is a transfer.
    const { rows } = await engine.admin.query<{ paid: bigint }>(
      'SELECT count(*) AS paid FROM fare.latest_decision WHERE rider_minor > 0',
    );
    const paid = 2 * riders;
    if (Number(rows[0]?.paid) !== paid) problems.push(`${rows[0]?.paid} rides were paid, not ${paid}`);
    await engine.close();
    return problems;
  },

  /** A tap that comes late makes an earlier price wrong: the difference is posted, once. */
  'priced-again': async () => {
    const engine = await openEngineDatabase();
    const at = Date.UTC(2025, 9, 14, 5);
    const tap = (device: string, seq: number, atMs: number) =>
      tapRow({ device, vehicleId: device, seq, atMs, token: token(1) });
    await engine.deliver([tap('val-2', 1, at + 600_000)]);
    await engine.drain();
    await engine.deliver([tap('val-1', 1, at)]);
    await engine.drain();
    const { problems } = await reconcile(engine.admin);
    await engine.close();
    return [...problems];
  },
};

/** Sends the city a record that the validator never wrote, under the number of its last one, properly signed. */
async function forge(spine: Spine): Promise<void> {
  const { store } = openSqliteJournal({ path: join(spine.deviceDir, 'journal.db') }, 'check');
  const head = store.head();
  const [last] = head ? store.newest(head.epoch, 1) : [];
  store.close();
  if (!head || !last) throw new Error('the journal is empty');
  const bytes = Buffer.from(
    Buffer.from(last.bytes)
      .toString('utf8')
      .replace(/"monoMs":(\d)/, '"monoMs":1$1'),
  );
  const { deviceId } = spine;
  const hash = sha256Hex(bytes);
  const sig = signBytes(headMessage({ deviceId, epoch: head.epoch, seq: head.seq, hash }), spine.deviceKey());
  const header = {
    v: 1 as const,
    deviceId,
    epoch: head.epoch,
    firstSeq: head.seq,
    count: 1,
    head: hash,
    sig,
  };
  await spine.publishAs(deviceTopic(deviceId, 'taps'), encodeBatch(header, [bytes]));
}
