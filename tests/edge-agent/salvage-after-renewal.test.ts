/** A renewal replaces the signing key in the running validator; damage that shows later costs no record of either key. */
import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, expect, it } from 'vitest';
import { headMessage, signBytes, verifyBytes } from '#contracts/hash-chain.ts';
import { openSqliteJournal } from '../../edge-agent/adapters/sqlite-journal.ts';
import { openJournal, type RecordDraft } from '../../edge-agent/journal.ts';
import type { SalvageReport } from '../../edge-agent/ports.ts';
import { tempFolder } from '../support/temp-folder.ts';

const AT = { wallMs: 1_700_000_000_000, monoMs: 5, bootId: 'b'.repeat(32) };
const TAP: RecordDraft = {
  kind: 'tap',
  at: AT,
  body: {
    tokenId: `k1.${'0'.repeat(32)}`,
    mediumKind: 'wallet',
    direction: 'in',
    where: { routeId: 'T1' },
    companions: 0,
    denyList: { generation: 1, n: 1 },
  },
};

const folder = tempFolder('salvage-after-renewal');
afterAll(() => folder.remove());

it('renewed, written, damaged, recovered, without a restart: every record is salvaged and signed anew', () => {
  const path = join(folder.path, 'journal.db');
  let keys: [KeyObject, ...KeyObject[]] = [generateKeyPairSync('ed25519').privateKey];
  const reports: SalvageReport[] = [];
  const { store } = openSqliteJournal({ path }, 'x', {
    salvor: {
      deviceId: 'val-1',
      keys: () => keys,
      runningEpoch: () => null,
      probe: () => {},
      report: (report) => void reports.push(report),
      failed: (_file, error) => {
        throw error;
      },
    },
  });
  const journal = openJournal(
    {
      store,
      deviceId: 'val-1',
      sign: (message) => signBytes(message, keys[0]),
      limits: { recordsMax: 100_000, keptMax: 500 },
      software: 'test',
      newEpochId: () => randomBytes(16).toString('hex'),
    },
    { hadEpoch: false, at: AT },
  );
  for (let n = 0; n < 20; n++) journal.append(TAP);
  keys = [generateKeyPairSync('ed25519').privateKey, ...keys];
  for (let n = 0; n < 20; n++) journal.append(TAP);

  const before = journal.head();
  const hit = new DatabaseSync(path);
  hit.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  hit.close();
  // Every inner structure after the first page is gone; texts are left.
  const bytes = readFileSync(path);
  for (let at = 4096; at < bytes.length; at += 4096) bytes.fill(0xff, at, at + 8);
  writeFileSync(path, bytes);
  expect([journal.append(TAP).ok, journal.append(TAP).ok]).toEqual([false, true]);

  expect(reports).toHaveLength(1);
  const last = store.newest(before.epoch, 1)[0];
  expect(last).toMatchObject({ seq: before.seq, hash: before.hash });
  const message = headMessage({ deviceId: 'val-1', ...before });
  expect(verifyBytes(message, last?.sig ?? '', createPublicKey(keys[0]))).toBe(true);
  expect(store.newest(before.epoch, 100)).toHaveLength(before.seq);
  store.close();
});
