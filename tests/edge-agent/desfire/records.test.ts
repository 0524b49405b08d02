/** Records longer than an APDU, and more of them than one APDU holds, against the virtual card. */
import { expect, test } from 'vitest';
import { converse } from '../../../edge-agent/apdu.ts';
import {
  commitTransaction,
  readRecords,
  updateRecord,
  writeRecord,
} from '../../../edge-agent/desfire/commands/contents.ts';
import { openDesfire } from '../../../edge-agent/desfire/desfire-card.ts';
import { createDesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { blankEeprom, type ChipModel } from '../../../simulators/cards/desfire/eeprom.ts';
import { impatient } from '../emv/support/terminal.ts';

const AID = Buffer.from('010203', 'hex');

/** A card with one file of records that anyone reads and writes. */
async function cardWith(model: ChipModel, recordBytes: number) {
  const eeprom = blankEeprom(model, Buffer.from('04112233445566', 'hex'));
  const key = { bytes: Buffer.alloc(16), version: 0 };
  eeprom.applications.set('010203', {
    aid: '010203',
    isoFiles: false,
    settings: 0x0b,
    keyCount: 1,
    keySets: [{ version: 0, keys: [key], finalized: true }],
    rollKey: 0,
    files: new Map([
      [
        2,
        {
          type: 'linear',
          comm: 'plain',
          rights: { read: 14, write: 14, readWrite: 14, change: 0 },
          recordBytes,
          recordsMax: 12,
          records: [],
        },
      ],
    ]),
  });
  const talk = converse(createDesfireCard({ eeprom }), {
    timers: impatient,
    timeMsMax: 10_000,
    apdusMax: 500,
  });
  const card = openDesfire(talk);
  card.framing = model === 'EV1' ? 'native' : 'iso';
  expect((await card.selectByAid(AID)).ok).toBe(true);
  return card;
}

test.each([
  ['EV3', 32, 12],
  ['EV3', 300, 3],
  ['EV3', 224, 3],
  ['EV3', 225, 2],
  ['EV1', 300, 4],
] as const)('on %s, of %i bytes each, %i of them', async (model, recordBytes, count) => {
  const card = await cardWith(model, recordBytes);
  const part = { fileNo: 2, offset: 0, mode: 'plain' } as const;
  const written: Buffer[] = [];
  for (let n = 0; n < count; n++) {
    const record = Buffer.from(Array.from({ length: recordBytes }, (_, at) => (at * 7 + n * 31) & 0xff));
    expect(await writeRecord(card, part, record)).toMatchObject({ ok: true });
    expect(await commitTransaction(card)).toMatchObject({ ok: true });
    written.push(record);
  }
  const read = (skip: number, howMany: number) =>
    readRecords(card, { fileNo: 2, skip, count: howMany, recordBytes, mode: 'plain' });
  expect(await read(0, count)).toEqual({ ok: true, value: written });
  expect(await read(1, count - 1)).toEqual({ ok: true, value: written.slice(0, -1) });
  expect((await read(0, count + 1)).ok).toBe(false);
  if (model === 'EV1') return; // it has no UpdateRecord
  expect((await card.selectByAid(AID)).ok).toBe(true);
  const changed = Buffer.alloc(recordBytes, 0x5a);
  expect(await updateRecord(card, { ...part, recordNo: count - 1 }, changed)).toMatchObject({ ok: true });
  expect(await commitTransaction(card)).toMatchObject({ ok: true });
  expect(await read(0, count)).toEqual({ ok: true, value: [changed, ...written.slice(1)] });
});
