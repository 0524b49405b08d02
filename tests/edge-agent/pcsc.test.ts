import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createPcscCardReader, type PcscReaderOptions } from '../../edge-agent/adapters/pcsc-card-reader.ts';
import type { CardLogEntry, CardReader, CardReading, CardVisit } from '../../edge-agent/ports.ts';
import { createLogger } from '../../platform/logger.ts';
import { cardTokenId } from '../../simulators/cards/issue-card.ts';
import { type PrivatePcscd, startPrivatePcscd } from '../../simulators/cards/pcscd.ts';
import { createVirtualCard, type VirtualCard } from '../../simulators/cards/virtual-card.ts';
import { type InsertedCard, insertIntoVpcd } from '../../simulators/cards/vpcd-card.ts';
import { issuer, order, tokenKey } from '../simulators/cards/sample-card.ts';
import { skipWithoutPcsc } from '../support/pcsc-here.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { createTestCity, enrol } from './support/edge-city.ts';

describe.skipIf(skipWithoutPcsc('Cards over PC/SC'))('a card over pcscd, vpcd and smartcard', () => {
  let pcscd: PrivatePcscd;
  let folder: ReturnType<typeof tempFolder>;
  let reader: CardReader;
  let logged: string[];
  let readings: CardReading[];
  /** How many cards had left when each was read. */
  let removalsBefore: number[];
  let inserted: InsertedCard[];

  // One daemon for each test: it looks at its readers every 0.4 s, so it would take a card of one test for the next's.
  beforeEach(async () => {
    pcscd = await startPrivatePcscd();
    folder = tempFolder('pcsc');
    enrol(folder.path, { ...createTestCity(), issuer, tokenKey: Buffer.from(tokenKey) });
    logged = [];
    readings = [];
    removalsBefore = [];
    inserted = [];
    reader = newReader();
  });
  afterEach(async () => {
    for (const card of inserted) await card.remove();
    await reader.stop();
    await pcscd.stop();
    folder.remove();
  });

  function newReader(extra: Partial<PcscReaderOptions> = {}): CardReader {
    const log = createLogger({ component: 'test', level: 'debug', write: (line) => void logged.push(line) });
    return createPcscCardReader({ deviceDir: folder.path, log, socketPath: pcscd.socketPath, ...extra });
  }

  async function onCard(visit: CardVisit): Promise<void> {
    removalsBefore.push(removals());
    readings.push(await visit.read());
  }

  async function insert(card: VirtualCard, port = pcscd.vpcdPort): Promise<InsertedCard> {
    const lying = await insertIntoVpcd({ port, card });
    inserted.push(lying);
    return lying;
  }

  const removals = (): number => logged.filter((line) => line.includes('reader.card removed')).length;
  const isReady = (): boolean => reader.state().state === 'ready';

  it('is read to its token, and again at its next touch', async () => {
    await reader.start(onCard);
    await until(isReady);
    for (const touch of [1, 2]) {
      const card = await insert(createVirtualCard(order()));
      await until(() => readings.length === touch);
      await card.remove();
      await until(() => removals() === touch);
    }
    const expected = expect.objectContaining({ tokenId: cardTokenId(order().mediumId, tokenKey) });
    expect(readings).toEqual([
      { ok: true, card: expected },
      { ok: true, card: expected },
    ]);
    expect(reader.state()).toEqual({ state: 'ready', recoveries: 0 });
  });

  it('that lies there before the reader starts is read', async () => {
    await insert(createVirtualCard(order({ mediumKind: 'wallet' })));
    await reader.start(onCard);
    await until(() => readings.length === 1);
    expect(readings[0]).toMatchObject({ ok: true, card: { mediumKind: 'wallet' } });
  });

  it('pulled in the middle of a command is unreadable, and the next card is read', async () => {
    await reader.start(onCard);
    await insert(createVirtualCard({ ...order(), misbehaviour: { kind: 'gone-after', apdus: 1 } }));
    await until(() => readings.length === 1);
    expect(readings[0]).toEqual({ ok: false, reason: 'CARD_UNREADABLE' });
    await until(() => removals() === 1);
    await insert(createVirtualCard(order()));
    await until(() => readings.length === 2);
    expect(readings[1]).toMatchObject({ ok: true });
    expect(reader.state().recoveries).toBe(0);
  });

  it('that speaks garbage is unreadable, and one of another system is unknown', async () => {
    await reader.start(onCard);
    const garbage = await insert(
      createVirtualCard({ ...order(), misbehaviour: { kind: 'garbage', seed: 7 } }),
    );
    await until(() => readings.length === 1);
    await garbage.remove();
    await until(() => removals() === 1);
    await insert(createVirtualCard({ ...order(), misbehaviour: { kind: 'no-application' } }));
    await until(() => readings.length === 2);
    expect(readings.map((reading) => !reading.ok && reading.reason)).toEqual([
      'CARD_UNREADABLE',
      'CARD_UNKNOWN',
    ]);
  });

  it('is offered alone: a second one waits in its slot until the first is gone', async () => {
    await reader.start(onCard);
    await until(isReady);
    const first = await insert(createVirtualCard(order()));
    await until(() => readings.length === 1);
    let seen = false;
    const second = createVirtualCard(order({ mediumKind: 'wallet' }));
    const reset = (): void => {
      seen = true;
    };
    await insert({ ...second, reset }, pcscd.vpcdPort + 1);
    // Powering the second card up is the first thing that PC/SC does with it.
    await until(() => seen);
    await first.remove();
    await until(() => readings.length === 2);
    expect(readings[1]).toMatchObject({ ok: true, card: { mediumKind: 'wallet' } });
    expect(removalsBefore).toEqual([0, 1]);
  });

  it('is one of several when another comes while it is read: neither is taken, also when one has left', async () => {
    await reader.start(onCard);
    await until(isReady);
    const slow = (): VirtualCard =>
      createVirtualCard({ ...order(), misbehaviour: { kind: 'slow', delayMs: 500 } });
    // Which of the two PC/SC tells first is its own affair.
    const [first, second] = [await insert(slow()), await insert(slow(), pcscd.vpcdPort + 1)];
    await until(() => readings.length === 1);
    expect(readings).toEqual([{ ok: false, reason: 'CARDS_SEVERAL' }]);
    await first.remove();
    await second.remove();
    await until(() => removals() === 1);
    await insert(createVirtualCard(order({ mediumKind: 'wallet' })));
    await until(() => readings.length === 2);
    expect(readings[1]).toMatchObject({ ok: true, card: { mediumKind: 'wallet' } });
  });

  it('in another reader than the named one is left alone', async () => {
    await reader.stop();
    reader = newReader({ readerName: 'Virtual PCD 00 01' });
    await insert(createVirtualCard(order()), pcscd.vpcdPort);
    await reader.start(onCard);
    await insert(createVirtualCard(order({ mediumKind: 'wallet' })), pcscd.vpcdPort + 1);
    await until(() => readings.length === 1);
    expect(readings[0]).toMatchObject({ ok: true, card: { mediumKind: 'wallet' } });
  });

  it('is read again after pcscd was killed and came back, without anyone touching the reader', async () => {
    await reader.start(onCard);
    const before = await insert(createVirtualCard(order()));
    await until(() => readings.length === 1);
    await pcscd.kill();
    await before.closed;
    await until(() => reader.state().state === 'absent');
    await pcscd.startAgain();
    await until(isReady);
    expect(reader.state().recoveries).toBe(1);
    await insert(createVirtualCard(order()));
    await until(() => readings.length === 2);
    expect(readings[1]).toMatchObject({ ok: true });
  });

  it('is read after the reader process was killed in the middle of a conversation', async () => {
    await reader.start(async (visit) => {
      if (readings.length === 0) process.kill(readerProcess(), 'SIGKILL');
      await onCard(visit);
    });
    await insert(createVirtualCard({ ...order(), misbehaviour: { kind: 'slow', delayMs: 50 } }));
    await until(() => readings.length === 2);
    expect(readings).toMatchObject([{ ok: false, reason: 'CARD_UNREADABLE' }, { ok: true }]);
    expect(reader.state()).toEqual({ state: 'ready', recoveries: 1 });
  });

  it('is read after the reader process froze', async () => {
    await reader.stop();
    reader = newReader({ silenceMsMax: 1500 });
    await reader.start(onCard);
    await until(isReady);
    process.kill(readerProcess(), 'SIGSTOP');
    await until(() => reader.state().recoveries === 1);
    expect(logged.some((line) => line.includes('fell silent'))).toBe(true);
    await insert(createVirtualCard(order()));
    await until(() => readings.length === 1);
    expect(readings[0]).toMatchObject({ ok: true });
  });

  it('is waited for by a reader process that takes longer to begin than its silence may last', async () => {
    await reader.stop();
    // No process begins in so short a time; from its first sign on it is fast enough, at one of its tries at the latest.
    reader = newReader({ silenceMsMax: 40 });
    await reader.start(onCard);
    await until(() => logged.some((line) => line.includes('reader.ready')));
  });

  it('is not kept waiting by a daemon that takes the call and says nothing: such a process is not one that loads', async () => {
    await reader.stop();
    const socketPath = join(folder.path, 'silent.comm');
    let calls = 0;
    const silent = createServer(() => void calls++).listen(socketPath);
    await once(silent, 'listening');
    reader = newReader({ silenceMsMax: 1500, socketPath });
    await reader.start(onCard);
    // The next process calls.
    await until(() => calls >= 2);
    await reader.stop();
    silent.close();
  });

  it('whose command hangs for ever costs the reader process, not the reader', async () => {
    await reader.stop();
    // Less than a card's whole visit may take, and long enough for an ordinary card on a busy machine.
    reader = newReader({ apduMsMax: 1500 });
    await reader.start(onCard);
    const silent = await insert(createVirtualCard({ ...order(), misbehaviour: { kind: 'silent' } }));
    await until(() => readings.length === 1);
    expect(readings[0]).toEqual({ ok: false, reason: 'CARD_UNREADABLE' });
    await until(() => logged.some((line) => line.includes('PC/SC did not answer in time')));
    await silent.remove();
    await until(isReady);
    await insert(createVirtualCard(order()));
    await until(() => readings.some((reading) => reading.ok));
    expect(reader.state().recoveries).toBe(1);
  });

  it('has no log to be settled in layout 1, and nothing is settled once the reader process is gone', async () => {
    const outcomes: string[] = [];
    await reader.start(async (visit) => {
      await onCard(visit);
      outcomes.push(await visit.settle(ENTRY));
      process.kill(readerProcess(), 'SIGKILL');
      await until(() => reader.state().state === 'recovering');
      outcomes.push(await visit.settle(ENTRY));
    });
    const lying = await insert(createVirtualCard(order()));
    await until(() => outcomes.length === 2);
    expect(outcomes).toEqual(['no-log', 'not-written']);
    await lying.remove();
  });
});

const ENTRY: CardLogEntry = {
  atMs: Date.UTC(2026, 2, 2),
  vehicleTag: '00000001',
  routeTag: '00000002',
  deviceTag: '00000003',
  seq: 7,
  companions: 0,
  clockUnsure: false,
};

/** Process id of the one reader process that this test process has. */
function readerProcess(): number {
  const ids = readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name));
  const found = ids.filter((id) => isReaderProcess(id));
  expect(found).toHaveLength(1);
  return Number(found[0]);
}

function isReaderProcess(id: string): boolean {
  try {
    const parent = /^PPid:\s*([0-9]+)$/m.exec(readFileSync(`/proc/${id}/status`, 'latin1'))?.[1];
    return (
      parent === String(process.pid) && readFileSync(`/proc/${id}/cmdline`, 'latin1').includes('pcsc-child')
    );
  } catch {
    return false; // it ended while we looked
  }
}

describe('without PC/SC', () => {
  it('the reader is absent, says why, and stops cleanly', async () => {
    const folder = tempFolder('pcsc');
    onTestFinished(() => folder.remove());
    enrol(folder.path, createTestCity());
    const logged: string[] = [];
    const log = createLogger({ component: 'test', write: (line) => void logged.push(line) });
    const reader = createPcscCardReader({
      deviceDir: folder.path,
      log,
      socketPath: '/nonexistent/pcscd.comm',
    });
    await reader.start(async () => {});
    await until(() => logged.length > 0);
    expect(reader.state()).toEqual({ state: 'absent', recoveries: 0 });
    expect(logged[0]).toMatch(/service not running|not installed/);
    await reader.stop();
  });

  it('a device folder without the keys of its cards is named as the reason', async () => {
    const folder = tempFolder('pcsc');
    onTestFinished(() => folder.remove());
    const logged: string[] = [];
    const log = createLogger({ component: 'test', write: (line) => void logged.push(line) });
    const reader = createPcscCardReader({ deviceDir: folder.path, log });
    await reader.start(async () => {});
    await until(() => logged.length > 0);
    expect(reader.state()).toEqual({ state: 'absent', recoveries: 0 });
    expect(logged[0]).toMatch(/device\.json is missing; token-key is missing/);
    await reader.stop();
  });
});
