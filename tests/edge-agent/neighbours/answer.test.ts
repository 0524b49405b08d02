import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { ClockEvidence } from '#contracts/record.ts';
import { type AnswerSources, answerInspector } from '../../../edge-agent/neighbours/answer.ts';
import type { AskMessage } from '../../../edge-agent/neighbours/wire.ts';
import type { StoredRecord } from '../../../edge-agent/ports.ts';
import { createOutages } from '../../../edge-agent/validator/outages.ts';

const EXAMPLE = JSON.parse(
  readFileSync(new URL('../../../contracts/examples/record-tap.v1.json', import.meta.url), 'utf8'),
) as { kind: 'tap'; body: { tokenId: string; passBackOfSeq?: number } };
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const SEVEN = Date.UTC(2025, 9, 14, 4);
const BOOT = 'b'.repeat(32);

function tap(seq: number, at: ClockEvidence, tokenId = EXAMPLE.body.tokenId): StoredRecord {
  const body = { ...EXAMPLE.body, tokenId, passBackOfSeq: undefined };
  const bytes = Buffer.from(JSON.stringify({ ...EXAMPLE, seq, at, body }));
  return { epoch: 'e'.repeat(32), seq, kind: 'tap', hash: '', sig: '', bytes };
}

/** A device that was switched on at five and heard the city's time at ten past seven. */
const monoAt = (ms: number): number => ms - (SEVEN - 2 * HOUR_MS);
const heardMs = SEVEN + 10 * MINUTE_MS;
const synced = (ms: number): ClockEvidence => ({
  wallMs: ms,
  monoMs: monoAt(ms),
  bootId: BOOT,
  sync: { serverMs: heardMs, monoMs: monoAt(heardMs), bootId: BOOT, rttMs: 10 },
});
/** Its own clock stood still over night. */
const unsynced = (ms: number): ClockEvidence => ({
  wallMs: ms - 8 * HOUR_MS,
  monoMs: monoAt(ms),
  bootId: BOOT,
});

const NOBODY: AnswerSources['others'] = { ridesOf: () => [], peers: () => [] };

function ask(
  records: readonly StoredRecord[],
  recordsMax = 100,
  outages = createOutages(0),
  others = NOBODY,
) {
  const question: AskMessage = {
    v: 1,
    from: 'ins-1',
    boot: '1'.repeat(32),
    n: 0,
    sentMs: 0,
    kind: 'ask',
    question: '2'.repeat(32),
    tokenIds: [EXAMPLE.body.tokenId],
    sinceAgeMs: 90 * MINUTE_MS,
  };
  const sources = { newest: () => records, recordsMax, outages, others };
  return answerInspector(question, {
    ...sources,
    now: synced(SEVEN + 20 * MINUTE_MS),
    timerMs: 5 * HOUR_MS,
  });
}

describe('the answer to an inspector', () => {
  it('counts a ride from before the clock was set by the time that has gone by since', () => {
    expect(ask([tap(5, unsynced(SEVEN))]).rides).toMatchObject([{ seq: 5, ageMs: 20 * MINUTE_MS }]);
  });

  it('counts a ride up to the window and none beyond it', () => {
    const at = (ageMs: number) => synced(SEVEN + 20 * MINUTE_MS - ageMs);
    expect(ask([tap(5, at(90 * MINUTE_MS))]).rides).toHaveLength(1);
    expect(ask([tap(5, at(90 * MINUTE_MS + 1))]).rides).toEqual([]);
  });

  it('looks past a ride whose time nobody knows', () => {
    const ofYesterday = { ...unsynced(SEVEN), bootId: 'a'.repeat(32) };
    expect(ask([tap(6, ofYesterday), tap(5, synced(SEVEN))]).rides).toMatchObject([{ seq: 5 }]);
  });

  it('speaks of no time before the oldest record that it looks at', () => {
    const other = `k1.${'0'.repeat(32)}`;
    const records = [tap(6, synced(SEVEN + 19 * MINUTE_MS), other), tap(5, synced(SEVEN), other)];
    expect(ask(records, 3).knowsSinceAgeMs).toBe(5 * HOUR_MS);
    expect(ask(records, 2).knowsSinceAgeMs).toBe(20 * MINUTE_MS);
  });

  it('tells of rides at other doors as of its own, the newest two, and of who else is in the vehicle', () => {
    const heard = (ageMs: number) => ({
      deviceId: 'val-2',
      epoch: 'd'.repeat(32),
      seq: 9,
      ageMs,
      companions: 1,
    });
    const others = {
      ridesOf: () => [heard(21 * MINUTE_MS), heard(MINUTE_MS)],
      peers: () => ['val-2', 'val-3'],
    };
    const answer = ask([tap(5, synced(SEVEN))], 100, createOutages(0), others);
    expect(answer.rides).toMatchObject([
      { deviceId: 'val-2', ageMs: MINUTE_MS },
      { seq: 5, ageMs: 20 * MINUTE_MS },
    ]);
    expect(answer.peers).toEqual(['val-2', 'val-3']);
    expect(ask([])).not.toHaveProperty('peers');
  });

  it('speaks of no time before the records that it looks at began anew', () => {
    const outages = createOutages(0);
    outages.beginAnew(4 * HOUR_MS);
    expect(ask([], 100, outages).knowsSinceAgeMs).toBe(HOUR_MS);
  });
});
