/** Cards pulled away after every single command: finished at the next presentation, and refused everywhere until then. */
import { describe, expect, it } from 'vitest';
import { createDesfireCard, type DesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { blankChip, factoryChip, startStation, torn, validatorReads } from './issuing-rig.ts';

/** Key versions on a chip: the card's own, then those of the application. */
function versionsOf(chip: DesfireCard): number[] {
  const { masterKey, applications } = chip.eeprom();
  const keys = applications.get('4b5654')?.keySets[0]?.keys ?? [];
  return [masterKey, ...keys].map(({ version }) => version);
}

// A lost answer leaves the card where the next lost command does: every state of it is met by the first row.
describe.each([
  ['blank EV3', blankChip, 'answer', 1],
  ['blank EV3', blankChip, 'command', 9],
  // Its handshakes and frames differ; each command is several frames.
  ['blank EV1', () => blankChip('EV1'), 'answer', 11],
  // The replacement of its DES key lies in the first dozen commands.
  ['factory EV2', () => factoryChip('EV2'), 'answer', 3],
] as const)('a %s', (_what, newChip, lost, every) => {
  it(`is finished at its next presentation, whichever ${lost} was lost on the way`, async () => {
    const rig = await startStation();
    let commands = 0;
    let refusedBefore = 0;
    for (; ; commands += every) {
      const chip = newChip();
      const tearing = torn(chip, commands, lost);
      const [actsBefore, eventsBefore] = [rig.acts().length, rig.events.length];
      await rig.present(tearing);
      chip.reset();
      if (!tearing.happened()) break;
      const half = await validatorReads(chip);
      chip.reset();
      // Every validator refuses it, or it is whole and only the last words of the reading back are missing.
      if (half.ok) expect([commands, versionsOf(chip)]).toEqual([commands, [3, 3, 3, 3, 3, 3]]);
      else refusedBefore += 1;
      await rig.present(chip);
      chip.reset();
      const read = await validatorReads(chip);
      const acts = rig.acts().slice(actsBefore);
      expect([commands, read.ok, acts.map(({ act }) => act)]).toEqual([commands, true, ['begun', 'issued']]);
      const [begun] = acts;
      expect(read).toMatchObject({ card: { tokenId: begun?.tokenId, mediumKind: 'social', language: 'uk' } });
      if (half.ok) expect(half).toMatchObject({ card: { tokenId: begun?.tokenId } });
      const torn1 = rig.events
        .slice(eventsBefore)
        .filter(({ event }) => event === 'torn' || event === 'refused');
      expect(torn1).toHaveLength(1);
    }
    expect(commands).toBeGreaterThan(40);
    expect(refusedBefore).toBeGreaterThan(30 / every);
    expect(await rig.reader.begun()).toEqual([]);
  });
});

describe('a card under the former generation', () => {
  it('is brought to the next one, whichever answer was lost, and rides all the while', async () => {
    const old = await startStation({ generations: [3] });
    const rig = await startStation({ generations: [3, 4], mode: 'rekey' });
    const issued = blankChip();
    await old.present(issued);
    let commands = 0;
    for (; ; commands += 1) {
      const chip = createDesfireCard({ eeprom: issued.eeprom() });
      const tearing = torn(chip, commands, 'answer');
      await rig.present(tearing);
      chip.reset();
      const both = await validatorReads(chip, [3, 4]);
      expect([commands, both.ok]).toEqual([commands, true]);
      chip.reset();
      if (!tearing.happened()) break;
      await rig.present(chip);
      chip.reset();
      // The former generation may be dropped now: validators of the new one alone read it.
      expect([commands, (await validatorReads(chip, [4])).ok]).toEqual([commands, true]);
      expect(rig.events.at(-1)).toMatchObject(
        rig.events.at(-1)?.event === 'refused'
          ? { reason: 'ISSUE_KEYS_CURRENT' }
          : { event: 'rekeyed', keyVersion: 4 },
      );
    }
    expect(commands).toBeGreaterThan(30);
  });
});
