import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CARD, startRig } from './support/agent-rig.ts';

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
