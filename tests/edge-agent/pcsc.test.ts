import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPcscCardReader, type PcscReaderOptions } from '../../edge-agent/adapters/pcsc-card-reader.ts';
import type { CardKeys, CardReader, CardReading, CardTransport, Timers } from '../../edge-agent/ports.ts';
import { CARD_APDUS_MAX, readCard } from '../../edge-agent/read-card.ts';
import { createLogger } from '../../platform/logger.ts';
import { cardTokenId } from '../../simulators/cards/issue-card.ts';
import { type PrivatePcscd, startPrivatePcscd } from '../../simulators/cards/pcscd.ts';
import { createVirtualCard, type VirtualCard } from '../../simulators/cards/virtual-card.ts';
import { type InsertedCard, insertIntoVpcd } from '../../simulators/cards/vpcd-card.ts';
import { issuerKeys, order, tokenKey } from '../simulators/cards/sample-card.ts';
import { skipWithoutPcsc } from '../support/pcsc-here.ts';
import { until } from '../support/until.ts';

const keys: CardKeys = {
  issuerKeys: new Map([['i001', issuerKeys.publicKey]]),
  tokenKey,
  tokenKeyVersion: 1,
};
const timers: Timers = {
  nowMs: () => performance.now(),
  after: (delayMs, call) => {
    const timer = setTimeout(call, delayMs);
    return () => clearTimeout(timer);
  },
  rest: async () => {},
};

describe.skipIf(skipWithoutPcsc('Cards over PC/SC'))('a card over pcscd, vpcd and smartcard', () => {
  let pcscd: PrivatePcscd;
  let reader: CardReader;
  let logged: string[];
  let readings: CardReading[];
  /** How many cards had left when each was read. */
  let removalsBefore: number[];
  let inserted: InsertedCard[];

  // One daemon for each test: it looks at its readers every 0.4 s, so it would take a card of one test for the next's.
  beforeEach(async () => {
    pcscd = await startPrivatePcscd();
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
  });

  function newReader(extra: Partial<PcscReaderOptions> = {}): CardReader {
    const log = createLogger({ component: 'test', level: 'debug', write: (line) => void logged.push(line) });
    return createPcscCardReader({ log, socketPath: pcscd.socketPath, ...extra });
  }

  async function onCard(card: CardTransport): Promise<void> {
    removalsBefore.push(removals());
    readings.push(await readCard(card, keys, { timers, timeMsMax: 2000, apdusMax: CARD_APDUS_MAX }));
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
    await reader.start(async (card) => {
      if (readings.length === 0) process.kill(readerProcess(), 'SIGKILL');
      await onCard(card);
    });
    await insert(createVirtualCard(order()));
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

  it('whose command hangs for ever costs the reader process, not the reader', async () => {
    await reader.stop();
    reader = newReader({ transmitMsMax: 300 });
    await reader.start(onCard);
    const silent = await insert(createVirtualCard({ ...order(), misbehaviour: { kind: 'silent' } }));
    await until(() => readings.length === 1);
    expect(readings[0]).toEqual({ ok: false, reason: 'CARD_UNREADABLE' });
    expect(logged.some((line) => line.includes('PC/SC did not answer in time'))).toBe(true);
    await silent.remove();
    await until(isReady);
    await insert(createVirtualCard(order()));
    await until(() => readings.some((reading) => reading.ok));
    expect(reader.state().recoveries).toBe(1);
  });

  it('costs a fraction of a millisecond for each command', async () => {
    const tookMs: number[] = [];
    let finished = false;
    await insert(createVirtualCard(order()));
    await reader.start(async (card) => {
      const select = Buffer.from('00a4040008f04b5659544f4b0100', 'hex');
      for (let i = 0; i < 300; i++) {
        const begin = performance.now();
        const answer = await card.transmit(select);
        tookMs.push(performance.now() - begin);
        expect(answer).toHaveLength(14);
      }
      finished = true;
    });
    await until(() => finished);
    tookMs.sort((a, b) => a - b);
    const at = (share: number): string => (tookMs[Math.floor(tookMs.length * share)] as number).toFixed(2);
    console.log(`transmit through pcscd and vpcd: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms`);
  });
});

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
    const logged: string[] = [];
    const log = createLogger({ component: 'test', write: (line) => void logged.push(line) });
    const reader = createPcscCardReader({ log, socketPath: '/nonexistent/pcscd.comm' });
    await reader.start(async () => {});
    await until(() => logged.length > 0);
    expect(reader.state()).toEqual({ state: 'absent', recoveries: 0 });
    expect(logged[0]).toMatch(/service not running|not installed/);
    await reader.stop();
  });
});
