/** A station: every act written down with who did it, batches that go on where they were, nothing half made. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parserOf } from '#contracts/parse.ts';
import { CardActBody } from '#contracts/record.ts';
import { openBatchMemory } from '../../../edge-agent/adapters/batch-memory.ts';
import { createBatch, createSeries, type OpenOrder } from '../../../edge-agent/issue/order-book.ts';
import { createDesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { issueDesfire } from '../../../simulators/cards/desfire/issue-desfire.ts';
import { issuer } from '../../simulators/cards/sample-card.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { createMemoryJournalStore } from '../support/memory-journal-store.ts';
import { blankChip, factoryChip, NOW_MS, ORDER, startStation, torn, validatorReads } from './issuing-rig.ts';

const OLD = `k1.${'ab'.repeat(16)}`;
let folder: ReturnType<typeof tempFolder>;
/** A journal that outlives a station. */
let memoryStore: ReturnType<typeof createMemoryJournalStore>;
beforeEach(() => {
  folder = tempFolder('station');
  memoryStore = createMemoryJournalStore();
});
afterEach(() => folder.remove());

const line = (change: Partial<OpenOrder['contents']> = {}): OpenOrder => ({
  ...ORDER,
  contents: { ...ORDER.contents, ...change },
});

describe('a chip from the factory, whose key is DES', () => {
  it.each(['EV1', 'EV2', 'EV3'] as const)('%s gets the city’s AES key and is issued', async (model) => {
    const rig = await startStation();
    const chip = factoryChip(model);
    expect(chip.eeprom().masterKey.des).toBe(true);
    await rig.present(chip);
    chip.reset();
    expect(chip.eeprom().masterKey).toMatchObject({ version: 3 });
    expect(chip.eeprom().masterKey.des).toBeUndefined();
    expect(await validatorReads(chip)).toMatchObject({ ok: true, card: { mediumKind: 'social' } });
    expect(rig.acts().map(({ act }) => act)).toEqual(['begun', 'issued']);
  });

  it('whose DES key is another is not ours to make', async () => {
    const rig = await startStation();
    const { masterKey, ...eeprom } = factoryChip().eeprom();
    const chip = createDesfireCard({
      eeprom: { ...eeprom, masterKey: { ...masterKey, bytes: Buffer.alloc(8, 6) } },
    });
    await rig.present(chip);
    chip.reset();
    expect(chip.eeprom().masterKey).toMatchObject({ des: true, version: 0 });
    expect(rig.acts().map(({ act }) => act)).not.toContain('issued');
    expect((await validatorReads(chip)).ok).toBe(false);
  });
});

describe('what a card becomes', () => {
  it('a passenger card with a pass, or a service card, as a validator reads it; the acts name who and what', async () => {
    const product = { productId: '00000000000000a1', validUntilMs: NOW_MS + 86_400_000 };
    const rig = await startStation({
      book: createSeries(line({ kind: 'wallet', language: 'pl', product }), 1),
    });
    const chip = blankChip('EV2');
    await rig.present(chip);
    chip.reset();
    const read = await validatorReads(chip);
    expect(read).toMatchObject({
      card: {
        mediumKind: 'wallet',
        language: 'pl',
        validUntilMs: ORDER.contents.validUntilMs,
        product: { validUntilMs: product.validUntilMs },
        log: [],
      },
    });
    const acts = rig.acts();
    expect(acts.map(({ act }) => act)).toEqual(['begun', 'issued']);
    for (const act of acts) {
      expect(parserOf(CardActBody)(act)).toMatchObject({ ok: true });
      expect(act).toMatchObject({ cardKind: 'wallet', staffId: 'clerk-7', keyVersion: 3 });
    }
    await rig.station.finished;
    const driver = await startStation({ book: createSeries(line({ kind: 'driver' }), 1) });
    const staff = blankChip();
    await driver.present(staff);
    staff.reset();
    expect(await validatorReads(staff)).toMatchObject({ service: { role: 'driver' } });
  });

  it('a card with random UID is finished, read, found again and brought to the next generation', async () => {
    const rig = await startStation({ book: createSeries({ ...ORDER, randomUid: true }, 1) });
    const chip = blankChip();
    await rig.present(chip);
    chip.reset();
    expect(chip.eeprom().randomUid).toBe(true);
    expect(await validatorReads(chip)).toMatchObject({ ok: true });
    chip.reset();
    const next = await startStation({ generations: [3, 4], mode: 'rekey' });
    await next.present(chip);
    expect(next.events.at(-1)).toMatchObject({ event: 'rekeyed', keyVersion: 4 });
    chip.reset();
    expect(await validatorReads(chip, [4])).toMatchObject({ ok: true });
  });

  it('a lost card is replaced by its token: both acts name it', async () => {
    const rig = await startStation({ book: createSeries({ ...ORDER, replacesTokenId: OLD }, 1) });
    await rig.present(blankChip());
    expect(rig.acts().map(({ act, replacesTokenId }) => [act, replacesTokenId])).toEqual([
      ['begun', OLD],
      ['issued', OLD],
    ]);
  });
});

it('one lost card gets one successor, also while that lies torn', async () => {
  const rig = await startStation({ book: createSeries({ ...ORDER, replacesTokenId: OLD }, 1) });
  const chip = blankChip();
  await rig.present(torn(chip, 30, 'answer'));
  await rig.present(blankChip());
  expect(rig.events.at(-1)).toMatchObject({ event: 'refused', reason: 'ISSUE_NOTHING_TO_DO' });
  chip.reset();
  await rig.present(chip);
  expect(rig.events.at(-1)).toMatchObject({ event: 'issued' });
});

describe('what is not touched', () => {
  it("a card that is issued already, a stranger's card, and any card without an order", async () => {
    const rig = await startStation({ book: createSeries(ORDER, 1) });
    const chip = blankChip();
    await rig.present(chip);
    chip.reset();
    const before = chip.eeprom();
    await rig.present(chip);
    chip.reset();
    expect(rig.events.at(-1)).toMatchObject({ event: 'refused', reason: 'ISSUE_ALREADY_ISSUED' });
    expect(chip.eeprom()).toEqual(before);
    await rig.present(blankChip());
    expect(rig.events.at(-1)).toMatchObject({ event: 'refused', reason: 'ISSUE_NOTHING_TO_DO' });
    const key = Buffer.alloc(16, 9);
    const keys = { generation: 9, picc: key, master: key, read: key, log: key, uid: key, hint: key };
    const uid = Buffer.from('04aabbccddeeff', 'hex');
    const mediumId = Buffer.alloc(16, 1);
    const dates = { validFromS: 1, validUntilS: 2, language: 'uk' } as const;
    const eeprom = issueDesfire({ model: 'EV3', uid, kind: 'social', mediumId, ...dates, issuer, keys });
    await rig.present(createDesfireCard({ eeprom }));
    expect(rig.events.at(-1)).toMatchObject({ event: 'refused', reason: 'ISSUE_FOREIGN_CARD' });
    await rig.present({ transmit: async () => Buffer.from('6d00', 'hex') });
    expect(rig.events.at(-1)).toMatchObject({ event: 'refused' });
    expect(rig.acts()).toHaveLength(2);
  });

  it('no card while the journal takes no record; the order waits for the next', async () => {
    let fails = false;
    const rig = await startStation({ book: createSeries(ORDER, 1), journalFails: () => fails });
    fails = true;
    const chip = blankChip();
    const before = chip.eeprom();
    await rig.present(chip);
    expect(rig.events).toEqual([{ event: 'refused', reason: 'ISSUE_JOURNAL_BROKEN' }]);
    expect(chip.eeprom()).toEqual(before);
    expect(await rig.reader.begun()).toEqual([]);
    fails = false;
    await rig.present(chip);
    expect(rig.events.at(-1)).toMatchObject({ event: 'issued' });
  });
});

describe('a card that was begun', () => {
  it('is remembered across a restart with its own order, and nothing of it is left when it is done', async () => {
    const first = await startStation({
      deviceDir: folder.path,
      book: createSeries(line({ language: 'de' }), 1),
    });
    const chip = blankChip();
    await first.present(torn(chip, 30, 'answer'));
    await first.station.stop();
    chip.reset();
    const second = await startStation({
      deviceDir: folder.path,
      book: createSeries(line({ language: 'en' }), 1),
    });
    await second.present(chip);
    chip.reset();
    expect(await validatorReads(chip)).toMatchObject({ card: { language: 'de' } });
    expect(second.acts().map(({ act, tokenId }) => [act, tokenId])).toEqual([
      ['issued', first.acts()[0]?.tokenId],
    ]);
    expect(await second.reader.begun()).toEqual([]);
  });

  it('may be wiped: the chip is blank again, and its next card is another', async () => {
    const rig = await startStation({ deviceDir: folder.path });
    const chip = blankChip();
    await rig.present(torn(chip, 40, 'command'));
    chip.reset();
    await rig.station.stop();
    const wiper = await startStation({ deviceDir: folder.path, mode: 'wipe' });
    await wiper.present(chip);
    chip.reset();
    expect(wiper.acts()).toMatchObject([{ act: 'wiped', tokenId: rig.acts()[0]?.tokenId }]);
    expect(chip.eeprom().applications.size).toBe(0);
    const again = await startStation({ deviceDir: folder.path });
    await again.present(chip);
    expect(again.acts().at(-1)).toMatchObject({ act: 'issued' });
    expect(again.acts().at(-1)?.tokenId).not.toBe(rig.acts()[0]?.tokenId);
  });

  it('may be given up: its token is told, for the city to deny', async () => {
    const rig = await startStation({ deviceDir: folder.path });
    await rig.present(torn(blankChip(), 20, 'command'));
    expect(await rig.station.giveUp()).toBe(1);
    expect(rig.acts().map(({ act }) => act)).toEqual(['begun', 'given-up']);
    expect(await rig.reader.begun()).toEqual([]);
  });

  it('and issued, whose order could not be remembered, is not given up: the next start settles it', async () => {
    let fails = true;
    const memory = new Set<number>();
    const book = () =>
      createBatch('autumn', [line(), line()], {
        done: () => memory,
        add(number) {
          if (fails) throw new Error('no space');
          memory.add(number);
        },
      });
    const first = await startStation({ deviceDir: folder.path, store: memoryStore, book: book() });
    const chip = blankChip();
    await first.present(chip);
    expect(first.acts().map(({ act }) => act)).toEqual(['begun', 'issued']);
    await first.station.stop();
    const giver = await startStation({ deviceDir: folder.path, store: memoryStore });
    expect(await giver.station.giveUp()).toBe(0);
    expect(giver.events).toMatchObject([{ event: 'refused', reason: 'ISSUE_ALREADY_ISSUED' }]);
    expect(giver.acts().map(({ act }) => act)).toEqual(['begun', 'issued']);
    await giver.station.stop();
    fails = false;
    const second = await startStation({ deviceDir: folder.path, store: memoryStore, book: book() });
    expect([...memory]).toEqual([1]);
    expect(await second.reader.begun()).toEqual([]);
    chip.reset();
    await second.present(chip);
    expect(second.events.at(-1)).toMatchObject({ reason: 'ISSUE_ALREADY_ISSUED' });
  });

  it('and issued by a series that was cut short before it forgot the card counts for no later order', async () => {
    const first = await startStation({ deviceDir: folder.path, store: memoryStore, forgets: () => false });
    await first.present(blankChip());
    await first.station.stop();
    const book = createSeries(ORDER, 1);
    const second = await startStation({ deviceDir: folder.path, store: memoryStore, book });
    expect(await second.reader.begun()).toEqual([]);
    expect(book.progress()).toEqual({ done: 0, total: 1 });
  });

  it('of a batch and finished beside another one waits for its own to be remembered, and is issued once', async () => {
    const memories = { autumn: new Set<number>(), winter: new Set<number>() };
    const book = (name: keyof typeof memories) =>
      createBatch(name, [line()], {
        done: () => memories[name],
        add: (number) => void memories[name].add(number),
      });
    const options = { deviceDir: folder.path, store: memoryStore };
    const first = await startStation({ ...options, book: book('autumn') });
    const chip = blankChip();
    await first.present(torn(chip, 30, 'answer'));
    await first.station.stop();
    const second = await startStation({ ...options, book: book('winter') });
    for (let time = 0; time < 2; time++) {
      chip.reset();
      await second.present(chip);
    }
    expect(second.acts().map(({ act }) => act)).toEqual(['begun', 'issued']);
    await second.station.stop();
    await startStation({ ...options, book: book('autumn') });
    expect(memories).toEqual({ autumn: new Set([1]), winter: new Set() });
  });

  it('half made by another station is made anew', async () => {
    const rig = await startStation();
    const chip = blankChip();
    await rig.present(torn(chip, 40, 'command'));
    chip.reset();
    const other = await startStation();
    await other.present(chip);
    chip.reset();
    expect(await validatorReads(chip)).toMatchObject({ card: { tokenId: other.acts()[0]?.tokenId } });
  });
});

describe('a batch', () => {
  const ORDERS = [line({ language: 'uk' }), line({ language: 'en' }), line({ language: 'de' })];

  it('goes through its lines once, goes on after a restart, and says when it is done', async () => {
    const open = () => createBatch('autumn', ORDERS, openBatchMemory(folder.path, 'autumn', 'aa'.repeat(32)));
    const first = await startStation({ deviceDir: folder.path, book: open() });
    const chips = [blankChip(), blankChip(), blankChip()] as const;
    await first.present(chips[0]);
    // The second is torn: its line waits for that very card, the third goes on.
    await first.present(torn(chips[1], 35, 'command'));
    await first.station.stop();
    const book = open();
    const second = await startStation({ deviceDir: folder.path, book });
    await second.present(chips[2]);
    expect(book.progress()).toEqual({ done: 2, total: 3 });
    await second.present(blankChip());
    expect(second.events.at(-1)).toMatchObject({ reason: 'ISSUE_NOTHING_TO_DO' });
    chips[1].reset();
    await second.present(chips[1]);
    await second.station.finished;
    expect(book.done()).toBe(true);
    for (const chip of chips) chip.reset();
    const languages = await Promise.all(
      chips.map(async (chip) => (await validatorReads(chip)) as { card?: { language: string } }),
    );
    expect(languages.map(({ card }) => card?.language)).toEqual(['uk', 'en', 'de']);
    expect(second.acts().every(({ batch }) => batch === 'autumn')).toBe(true);
  });

  it('under the same name with other lines is refused', () => {
    openBatchMemory(folder.path, 'autumn', 'aa'.repeat(32)).add(1);
    expect(() => openBatchMemory(folder.path, 'autumn', 'bb'.repeat(32))).toThrow(
      expect.objectContaining({ code: 'BATCH_CHANGED' }),
    );
  });
});
