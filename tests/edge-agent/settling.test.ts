import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CARD, cardNumber, startRig } from './support/agent-rig.ts';
import { createMemoryJournalStore } from './support/memory-journal-store.ts';

const tag = (id: string): string => createHash('sha256').update(id).digest('hex').slice(0, 8);

describe("the card's own log", () => {
  it('gets the ride of a green, after its record, with tags instead of names', async () => {
    const rig = await startRig();
    rig.agent.setWhereabouts({ routeId: 'r1', stopId: 's1' });
    await rig.touch(CARD);
    expect(rig.settledEntries).toEqual([
      {
        atMs: rig.clock.nowMs(),
        vehicleTag: tag('bus-12'),
        routeTag: tag('r1'),
        deviceTag: tag('val-1'),
        seq: rig.records().at(-1)?.seq,
        companions: 0,
        clockUnsure: true,
      },
    ]);
  });

  it('gets nothing of a red', async () => {
    const rig = await startRig();
    await rig.touch({ ...CARD, validUntilMs: rig.clock.nowMs() });
    await rig.touch({ ok: false, reason: 'CARD_LOCKED' });
    expect(rig.settledEntries).toEqual([]);
  });
});

describe('while a token key rotates', () => {
  const former = `k1.${'b'.repeat(32)}`;
  const rotated = { ...CARD, tokenId: `k2.${'c'.repeat(32)}`, formerTokenId: former };

  it('a touch under the former token and one under the new are one ride; the record names both', async () => {
    const rig = await startRig();
    await rig.touch({ ...CARD, tokenId: former });
    expect((await rig.touch(rotated)).repeated).toBe(true);
    expect(rig.records().at(-1)?.body).toMatchObject({ tokenId: rotated.tokenId, formerTokenId: former });
  });
});

describe('an answer that was lost', () => {
  const entry = {
    atMs: 1,
    vehicleTag: 'a',
    routeTag: 'b',
    deviceTag: tag('val-1'),
    seq: 2,
    companions: 0,
    clockUnsure: false,
  };

  it("is settled at the card's next touch by what its log says, also after a restart, and never changes a colour", async () => {
    const store = createMemoryJournalStore();
    const before = await startRig({ store, settle: () => 'unknown' });
    expect((await before.touch(CARD)).sign).toBe('accepted');
    await before.touch(cardNumber(2));
    expect(before.agent.health().cardLogs).toMatchObject({ unknown: 2, written: 0 });
    const rig = await startRig({ store, clock: before.clock });
    await rig.touch({ ...CARD, log: [entry] });
    expect(rig.agent.health().cardLogs).toMatchObject({ foundLater: 1, missingLater: 0, written: 1 });
    await rig.touch({ ...cardNumber(2), log: [entry] });
    await rig.touch({ ...CARD, log: [] });
    expect(rig.agent.health().cardLogs).toMatchObject({ foundLater: 1, missingLater: 1 });
  });

  it('waits for a touch at which the log can be read', async () => {
    const rig = await startRig({ settle: () => 'unknown' });
    await rig.touch(CARD);
    await rig.touch(CARD);
    expect(rig.agent.health().cardLogs).toMatchObject({ unknown: 2, foundLater: 0, missingLater: 0 });
  });

  it('is remembered for a bounded number of cards', async () => {
    const store = createMemoryJournalStore();
    const rig = await startRig({ store, settle: () => 'unknown' });
    for (let n = 0; n < 70; n++) await rig.touch(cardNumber(n));
    expect(JSON.parse(store.note('unsettled-cards') ?? '')).toHaveLength(64);
  });

  it('and a reader that throws are counted', async () => {
    const rig = await startRig({
      settle: () => {
        throw new Error('gone');
      },
    });
    expect((await rig.touch(CARD)).sign).toBe('accepted');
    expect(rig.agent.health().cardLogs).toMatchObject({ notWritten: 1 });
  });
});
