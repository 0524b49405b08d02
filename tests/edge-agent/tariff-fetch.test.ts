/** A validator takes newer tariffs only, whole or not at all, whatever the network does. */
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { statedVersionOf, TARIFF_EXTRACT_FILE } from '#contracts/tariff-extract.ts';
import { TARIFF_PART_BYTES, tariffParts } from '#contracts/tariff-list.ts';
import { LISTS } from '#contracts/topics.ts';
import { createLogger } from '#platform/logger.ts';
import { extractTariffs } from '#pricing/tariff-extract.ts';
import { giveTariffs, tariffFile } from '../../edge-agent/adapters/tariff-file.ts';
import { openTariffBook } from '../../edge-agent/tariff-book.ts';
import { createTariffFetcher } from '../../edge-agent/tariff-fetch.ts';
import { packageOf } from '../support/tariff.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { createManualTimers } from './support/manual-timers.ts';

const log = createLogger({ component: 'test', level: 'silent' });
const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const signer = { keyId: 'lists-1', privateKey };
const keys = new Map([['lists-1', publicKey]]);
const stranger = { keyId: 'lists-1', privateKey: generateKeyPairSync('ed25519').privateKey };
const content = extractTariffs([packageOf()], { zone: 'Europe/Kyiv', dayStart: '04:00' });
/** Routes that nobody rides fill the file, so that it travels in three parts. */
const filler = Array.from({ length: 9000 }, (_, n): [string, string] => [`route-${n}`, 'bus']);
const large = { ...content, packages: content.packages.map((p) => ({ ...p, networkOfRoute: filler })) };

const fileOf = (version: number, by = signer, of: object = content) =>
  sealEnvelope('tariff-extract', { ...of, version }, by);
const manifestOf = (version: number, file: Buffer, by = signer, more = {}) =>
  sealEnvelope(
    'tariff-manifest',
    { v: 1, version, sha256: sha256Hex(file), bytes: file.length, issuedAtMs: 0, ...more },
    by,
  );

const folder = tempFolder('tariff-fetch');
beforeEach(() => {
  rmSync(folder.path, { recursive: true, force: true });
  mkdirSync(folder.path);
});
afterAll(() => folder.remove());

const openBook = () => openTariffBook(tariffFile(folder.path), keys, log);

/** What a broker retains: parts by topic. */
function retain(file: Buffer, at = new Map<string, Uint8Array>()): Map<string, Uint8Array> {
  for (let part = 0; part < tariffParts(file.length); part++)
    at.set(
      LISTS.tariffPart(sha256Hex(file), part),
      file.subarray(part * TARIFF_PART_BYTES, (part + 1) * TARIFF_PART_BYTES),
    );
  return at;
}

function device(retained: Map<string, Uint8Array>, fault?: (topic: string) => Uint8Array | null | undefined) {
  const timers = createManualTimers();
  const book = openBook();
  const asked: string[] = [];
  let taken = 0;
  const fetchList = async (topic: string): Promise<Uint8Array | null> => {
    asked.push(topic);
    const wrong = fault?.(topic);
    return wrong === undefined ? (retained.get(topic) ?? null) : wrong;
  };
  const uplink = { connected: true, fetchList };
  const fetcher = createTariffFetcher({ tariffs: book, uplink, timers, log, onTaken: () => taken++ });
  const quiet = async (): Promise<void> => {
    for (let n = 0; n < 12; n++) await new Promise((resolve) => setImmediate(resolve));
  };
  return { timers, book, asked, fetcher, quiet, taken: () => taken };
}

it('takes a newer version whole, keeps it over a restart, and never goes back', async () => {
  const [old, next] = [fileOf(5), fileOf(6, signer, large)];
  const broker = retain(next, retain(old));
  expect(tariffParts(next.length)).toBe(3);
  const one = device(broker);
  one.fetcher.manifest(manifestOf(5, old));
  await one.quiet();
  one.fetcher.manifest(manifestOf(6, next));
  await one.quiet();
  expect(one.book.held()).toEqual({ version: 6, sha256: sha256Hex(next) });
  expect(one.taken()).toBe(2);
  one.fetcher.manifest(manifestOf(5, old));
  one.fetcher.manifest(manifestOf(6, next));
  await one.quiet();
  expect(one.asked).toHaveLength(4);
  expect(openBook().held()).toEqual({ version: 6, sha256: sha256Hex(next) });
  expect(openBook().current()?.timeline.packages).toHaveLength(1);
  expect(readdirSync(folder.path)).toEqual([TARIFF_EXTRACT_FILE]);
});

it.each([
  ['a stranger signed the manifest', manifestOf(7, fileOf(7), stranger)],
  ['it is no manifest', Buffer.from('{"v":1}')],
  ['the broker cleared it', Buffer.alloc(0)],
  ['it claims more bytes than are allowed', manifestOf(7, fileOf(7), signer, { bytes: 5 * 1024 * 1024 })],
  ['the same version has another hash', manifestOf(5, fileOf(5, signer, large))],
])('asks for nothing when %s', async (_name, payload) => {
  writeFileSync(join(folder.path, TARIFF_EXTRACT_FILE), fileOf(5));
  const one = device(retain(fileOf(7)));
  one.fetcher.manifest(payload);
  await one.quiet();
  expect(one.asked).toEqual([]);
  expect(one.book.held()?.version).toBe(5);
});

it.each([
  ['a stranger signed the file', fileOf(7, stranger), {}],
  ['the file says another version', fileOf(8), {}],
  ['the file is cut', fileOf(7).subarray(0, 900), { bytes: 900 }],
])('keeps what it has when %s, and asks again later', async (_name, file, more) => {
  writeFileSync(join(folder.path, TARIFF_EXTRACT_FILE), fileOf(5));
  const one = device(retain(file));
  one.fetcher.manifest(manifestOf(7, file, signer, more));
  await one.quiet();
  expect(one.book.held()?.version).toBe(5);
  expect(one.asked).toHaveLength(1);
  one.timers.advance(4999);
  await one.quiet();
  expect(one.asked).toHaveLength(1);
  one.timers.advance(1);
  await one.quiet();
  expect(one.asked).toHaveLength(2);
  await one.fetcher.stop();
});

it('keeps the old file on a disk that fails', () => {
  const written: Uint8Array[] = [];
  const store = {
    read: () => fileOf(5),
    write: (bytes: Uint8Array) => {
      written.push(bytes);
      throw new Error('no space');
    },
  };
  const book = openTariffBook(store, keys, log);
  const { manifest } = book.hear(manifestOf(6, fileOf(6)));
  expect(manifest && book.take(fileOf(6), manifest)).toBe('disk-failed');
  expect([book.held()?.version, written.length]).toEqual([5, 1]);
});

it('an enrolment or a renewal brings no older extract over a newer one', () => {
  const read = () => statedVersionOf(readFileSync(join(folder.path, TARIFF_EXTRACT_FILE)));
  giveTariffs(folder.path, sealEnvelope('tariff-extract', content, signer).toString('utf8'));
  expect(read()).toBe(0);
  giveTariffs(folder.path, fileOf(9).toString('utf8'));
  giveTariffs(folder.path, sealEnvelope('tariff-extract', content, signer).toString('utf8'));
  expect(read()).toBe(9);
  writeFileSync(join(folder.path, TARIFF_EXTRACT_FILE), 'rubbish');
  giveTariffs(folder.path, fileOf(1).toString('utf8'));
  expect(read()).toBe(1);
});

const FAULTS = ['right', 'right', 'nothing', 'another', 'foreign', 'rubbish'] as const;

it('any order of manifests and faults ends at the newest version, and what is held never falls', async () => {
  const files = [1, 2, 3, 4].map((version) => fileOf(version));
  const broker = files.reduce((at, file) => retain(file, at), new Map<string, Uint8Array>());
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat(3), { minLength: 1, maxLength: 8 }),
      fc.array(fc.constantFrom(...FAULTS), { maxLength: 10 }),
      async (heard, faults) => {
        rmSync(join(folder.path, TARIFF_EXTRACT_FILE), { force: true });
        const todo = [...faults];
        const one = device(broker, () => {
          const fault = todo.shift() ?? 'right';
          if (fault === 'right') return undefined;
          if (fault === 'nothing') return null;
          if (fault === 'another') return files[todo.length % 4];
          return fault === 'foreign' ? fileOf(4, stranger) : Buffer.from('{');
        });
        let highest = -1;
        const check = (): void => {
          const version = one.book.held()?.version ?? -1;
          expect(version).toBeGreaterThanOrEqual(highest);
          highest = version;
        };
        for (const n of heard) {
          one.fetcher.manifest(manifestOf(n + 1, files[n] as Buffer));
          await one.quiet();
          check();
        }
        for (let n = 0; n < 12 && todo.length > 0; n++) {
          one.timers.advance(300_000);
          await one.quiet();
          check();
        }
        one.timers.advance(300_000);
        await one.quiet();
        expect(one.book.held()?.version).toBe(Math.max(...heard) + 1);
        await one.fetcher.stop();
      },
    ),
    { numRuns: 60 },
  );
});
