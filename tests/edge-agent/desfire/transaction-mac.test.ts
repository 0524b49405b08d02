import { expect, test } from 'vitest';
import { cmac, encryptCbc } from '../../../edge-agent/desfire/aes.ts';
import { INS } from '../../../edge-agent/desfire/command.ts';
import * as tmac from '../../../edge-agent/desfire/transaction-mac.ts';
import * as V from './vectors.ts';
import { hex } from './vectors.ts';

const KEY = hex(V.TRANSACTION_KEYS.key);
const UID = hex(V.TRANSACTION_KEYS.uid);

// No transcript with a TransactionMAC is public: the expected input is written out here from MF2DL(H)x0 §10.3.4.2.
test('the input is commands and plain data, each filled up to blocks', () => {
  const reader = Buffer.alloc(16, 0xab);
  const before = Buffer.alloc(16, 0xcd);
  const record = Buffer.alloc(32, 0x11);
  const entries = [
    tmac.dataEntry(INS.readDataIso, 1, 0, hex('0102030405')),
    tmac.valueEntry(INS.getValue, 4, -1),
    tmac.valueEntry(INS.debit, 4, 800),
    tmac.recordsEntry(INS.readRecordsIso, 2, { skip: 0, count: 1, data: record }),
    tmac.dataEntry(INS.writeRecordIso, 2, 0, record),
    tmac.updateEntry(INS.updateRecordIso, 2, { recordNo: 1, offset: 4, data: hex('AABB') }),
    tmac.clearEntry(INS.clearRecordFile, 3),
    tmac.readerEntry(INS.commitReaderId, reader, before),
  ];
  const zeros = (bytes: number): string => '00'.repeat(bytes);
  const input = hex(
    `AD01000000050000${zeros(8)} 0102030405${zeros(11)}
     6C04FFFFFFFF${zeros(10)} DC0420030000${zeros(10)}
     AB02000000010000${zeros(8)}${record.toString('hex')}
     8B02000000200000${zeros(8)}${record.toString('hex')}
     BA02010000040000020000${zeros(5)} AABB${zeros(14)}
     EB03${zeros(14)} C8${reader.toString('hex')}${before.toString('hex')}${zeros(15)}`,
  );
  const full = cmac(hex(V.TRANSACTION_KEYS.mac), input);
  const value = Buffer.from([1, 3, 5, 7, 9, 11, 13, 15].map((at) => full[at] as number));
  const keys = tmac.transactionMacKeys(KEY, 8, UID);
  expect(tmac.transactionMacValue(keys, entries)).toEqual(value);
  // The card names the counter under which it made the MAC: one more than before.
  expect(tmac.transactionMacHolds(KEY, UID, { counter: 9, value }, entries)).toBe(true);
  expect(tmac.transactionMacHolds(KEY, UID, { counter: 8, value }, entries)).toBe(false);
  expect(tmac.transactionMacHolds(KEY, UID, { counter: 0, value }, entries)).toBe(false);
  expect(tmac.transactionMacHolds(KEY, UID, { counter: 9, value }, entries.slice(1))).toBe(false);
  for (let at = 0; at < 8; at++) {
    const changed = Buffer.from(value);
    changed[at] = (changed[at] as number) ^ 1;
    expect(tmac.transactionMacHolds(KEY, UID, { counter: 9, value: changed }, entries)).toBe(false);
  }
});

test('the id of the reader before is opened with the other key', () => {
  const keys = tmac.transactionMacKeys(KEY, 8, UID);
  const reader = Buffer.from('reader-of-before');
  const encrypted = encryptCbc(hex(V.TRANSACTION_KEYS.enc), Buffer.alloc(16), reader);
  expect(tmac.readerIdBefore(keys, encrypted)).toEqual(reader);
});
