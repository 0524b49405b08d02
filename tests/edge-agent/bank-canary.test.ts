/**
 * Canary card numbers tapped on a validator as it runs in a bus: its own process, its reader's process, the real PC/SC
 * stack, MQTT. Afterwards everything is searched for the numbers, in every form; planted ones must be found.
 */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '#platform/clock.ts';
import { badBankCard } from '../../simulators/cards/emv/emv-misbehaviour.ts';
import { bankCard, TEST_PANS } from '../../simulators/cards/emv/profiles.ts';
import { type PrivatePcscd, startPrivatePcscd } from '../../simulators/cards/pcscd.ts';
import type { VirtualCard } from '../../simulators/cards/virtual-card.ts';
import { insertIntoVpcd } from '../../simulators/cards/vpcd-card.ts';
import { startTcpProxy, type TcpProxy } from '../../simulators/faults/tcp-proxy.ts';
import { startCity } from '../ingest/harness.ts';
import {
  formsIn,
  formsOf,
  formsOfAll,
  scanFolder,
  scanMemory,
  textOfDatabase,
} from '../support/leak-scan.ts';
import { skipWithoutPcsc } from '../support/pcsc-here.ts';
import { type KvytokRun, runKvytok } from '../support/run-kvytok.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { until } from '../support/until.ts';
import { takeBankCards } from './support/bank-folder.ts';
import { createTestCity, enrol } from './support/edge-city.ts';
import { startTestIngest, type TestIngest } from './support/test-ingest.ts';

/** Never held to the reader: planted where the search must find it. */
const PLANTED = '5555341244441115';
/** Every command of a Visa card at this validator, the selection of the city's own application first. */
const PULLED_AFTER = [1, 2, 3, 4, 5];
const TAPPED = [TEST_PANS.visa, TEST_PANS.mastercard, TEST_PANS.amex];

describe.skipIf(skipWithoutPcsc('Card numbers over PC/SC'))('a card number', () => {
  let pcscd: PrivatePcscd;
  let ingest: TestIngest;
  let edge: KvytokRun;
  let wire: TcpProxy;
  let deviceKeyPem = '';
  /** Every byte between validator and broker, both ways. */
  const onTheWire: Buffer[] = [];
  const folder = tempFolder('canary');
  const city = createTestCity();

  const records = () => [...ingest.held.values()].map(({ text }) => JSON.parse(text));
  const ofKind = (kind: string) => records().filter((record) => record.kind === kind);

  /** What became of each card that was tapped, in their order. */
  const became: { kind: string; body: { reason?: string; mediumKind?: string; bank?: { oda: string } } }[] =
    [];

  /** Holds a card to the reader, again where a slow machine could not read it in time, until the record that is wanted has arrived. */
  async function tap(card: VirtualCard, wanted: 'tap' | string): Promise<void> {
    for (let tries = 0; tries < 5; tries++) {
      // One that is pulled away may have left before its record arrives.
      const [before, left] = [touches().length, removals()];
      const lying = await insertIntoVpcd({ port: pcscd.vpcdPort, card });
      await until(() => touches().length > before, { what: `a record of a card that should be ${wanted}` });
      await lying.remove();
      // PC/SC looks every 0.4 s; a card that came sooner would be taken for the one that left.
      await until(() => removals() > left, { what: 'the card to have left' });
      const record = touches().at(-1);
      if (record.kind !== wanted && record.body.reason !== wanted) continue;
      became.push(record);
      return;
    }
    throw new Error(`a card that should be ${wanted} was never`);
  }
  const touches = () => records().filter(({ kind }) => kind === 'tap' || kind === 'refused');
  const removals = (): number => edge.stderr().split('reader.card removed').length;

  beforeAll(async () => {
    pcscd = await startPrivatePcscd();
    ingest = await startTestIngest(city);
    const keeping = {
      take: (bytes: Buffer): Buffer[] => {
        onTheWire.push(Buffer.from(bytes));
        return [bytes];
      },
    };
    wire = await startTcpProxy({
      target: { host: '127.0.0.1', port: ingest.port },
      openFilters: () => ({ up: keeping, down: keeping }),
    });
    const mqttUrl = `mqtt://127.0.0.1:${wire.port}`;
    const { publicKey } = enrol(folder.path, city, { mqttUrl, passBackS: 0 });
    deviceKeyPem = publicKey.export({ type: 'spki', format: 'pem' }).toString();
    takeBankCards(folder.path);
    edge = runKvytok(['edge'], {
      KVYTOK_EDGE_DEVICE_DIR: folder.path,
      KVYTOK_EDGE_SCREEN_PORT: 'none',
      KVYTOK_LOG_LEVEL: 'debug',
      PCSCLITE_CSOCK_NAME: pcscd.socketPath,
      PLANTED,
    });
    await tap(bankCard('visa'), 'tap');
    await tap(bankCard('mastercard'), 'tap');
    await tap(bankCard('amex'), 'tap');
    await tap(bankCard('wrong-static-data'), 'CARD_NOT_GENUINE');
    for (const apdus of PULLED_AFTER)
      await tap(badBankCard('visa', { kind: 'gone-after', apdus }), 'CARD_UNREADABLE');
  });
  afterAll(async () => {
    edge.process.kill('SIGTERM');
    await edge.ended;
    await wire.stop();
    await ingest.stop();
    await pcscd.stop();
    folder.remove();
  });

  it('is green as a token, with data for the acquirer', () => {
    expect(ofKind('tap').map(({ body }) => [body.mediumKind, body.bank.oda])).toEqual([
      ['bank', 'fdda'],
      ['bank', 'cda'],
      ['bank', 'cda'],
    ]);
    for (const { body } of ofKind('tap'))
      expect([body.tokenId, body.formerTokenId].join()).toMatch(/^k2\..*,k1\./);
    const unreadable = PULLED_AFTER.map(() => 'CARD_UNREADABLE');
    expect(became.slice(3).map(({ body }) => body.reason)).toEqual(['CARD_NOT_GENUINE', ...unreadable]);
  });

  it('is in no file of the device folder, no log line and no message', () => {
    const said = Buffer.from(
      [edge.stdout(), edge.stderr(), ...ingest.statuses, ...ingest.healths].join('\n'),
    );
    const travelled = Buffer.from([...ingest.held.values()].map(({ text }) => text).join('\n'));
    expect(said.length).toBeGreaterThan(100);
    expect(scanFolder(folder.path, formsOfAll(TAPPED))).toEqual([]);
    expect(formsIn(said, formsOfAll(TAPPED))).toEqual([]);
    expect(formsIn(travelled, formsOfAll(TAPPED))).toEqual([]);
  });

  it('is in no byte of MQTT; a planted one is found there', async () => {
    const bytes = (): Buffer => Buffer.concat(onTheWire);
    const { tokenId } = ofKind('tap')[0].body;
    // It was looked at the right wire: the taps are there.
    expect(bytes().includes('kvytok/v1/val-1/taps') && bytes().includes(tokenId)).toBe(true);
    expect(formsIn(bytes(), formsOfAll(TAPPED))).toEqual([]);
    const intruder = connect(wire.port, '127.0.0.1', () => intruder.write(PLANTED));
    intruder.on('error', () => {}); // the broker throws it out
    await until(() => formsIn(bytes(), formsOf(PLANTED)).includes('digits'));
    intruder.destroy();
  });

  it('is in no table of the database behind ingest; a planted one is found there', async () => {
    const behind = await startCity(['val-1']);
    try {
      await behind.register({ deviceId: 'val-1', keyId: 'k1', publicKeyPem: deviceKeyPem });
      await behind.startIngest({ clock: systemClock });
      const device = await behind.connectDevice({ deviceId: 'val-1' });
      for (const payload of ingest.payloads) await device.publish(payload);
      const rows = (sql: string) => behind.query<{ text: string }>(sql);
      const arrived = async (): Promise<number> =>
        Number(
          (await rows(`SELECT count(*)::text AS text FROM ingest.record WHERE device_id = 'val-1'`))[0]?.text,
        );
      const { size } = ingest.held;
      await until(async () => (await arrived()) === size, { what: `${size} records in the database` });
      const dump = await textOfDatabase(rows);
      for (const { body } of ofKind('tap')) expect(dump.includes(body.tokenId)).toBe(true);
      expect(formsIn(dump, formsOfAll(TAPPED))).toEqual([]);
      await rows('CREATE TABLE public.planted (a text, b bytea)');
      for (const value of [`'${PLANTED}', NULL`, `NULL, '\\x${PLANTED}'`]) {
        await rows(`INSERT INTO public.planted VALUES (${value})`);
        expect(formsIn(await textOfDatabase(rows), formsOf(PLANTED))).toContain('digits');
        await rows('DELETE FROM public.planted');
      }
    } finally {
      await behind.stop();
    }
  });

  it('is nowhere in the memory of the validator’s processes', () => {
    for (const id of processesOf(edge.process.pid as number).others)
      expect(scanMemory(id, formsOfAll(TAPPED))).toEqual([]);
  });

  it('is nowhere in the memory of the reader’s process when the cards have left', () => {
    const { reader } = processesOf(edge.process.pid as number);
    expect(scanMemory(reader, formsOfAll(TAPPED))).toEqual([]);
  });

  it('that was planted is found: on the disk, in a text, and in memory', async () => {
    const forms = formsOf(PLANTED);
    const leak = join(folder.path, 'planted');
    for (const [name, form] of forms) {
      writeFileSync(leak, Buffer.concat([Buffer.alloc(5000, 0x20), form, Buffer.from('!')]));
      expect(scanFolder(folder.path, forms), name).toContain(`planted: ${name}`);
    }
    expect(formsIn(Buffer.from(`{"pan":"${PLANTED}"}`), forms)).toEqual(['digits']);
    const holder = spawn(process.execPath, [
      '-e',
      `x = Buffer.from('${PLANTED}', 'hex'); setInterval(() => x, 1e6)`,
    ]);
    try {
      await until(() => scanMemory(holder.pid as number, forms).some((place) => place.endsWith(': packed')));
    } finally {
      holder.kill();
    }
    // It came with the environment.
    for (const id of processesOf(edge.process.pid as number).others)
      expect(scanMemory(id, forms)).toContainEqual(expect.stringMatching(/: digits$/));
  });
});

/** A process and all that it has started, the reader's process apart from the others. */
function processesOf(root: number): { reader: number; others: number[] } {
  const parents = new Map<number, number>();
  for (const id of readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name))) {
    const parent = /^PPid:\s*([0-9]+)$/m.exec(readIfThere(`/proc/${id}/status`))?.[1];
    parents.set(Number(id), Number(parent));
  }
  const tree = new Set([root]);
  for (const known of tree) for (const [id, parent] of parents) if (parent === known) tree.add(id);
  const isReader = (id: number): boolean => readIfThere(`/proc/${id}/cmdline`).includes('pcsc-child');
  const readers = [...tree].filter(isReader);
  expect(readers).toHaveLength(1);
  return { reader: readers[0] as number, others: [...tree].filter((id) => !isReader(id)) };
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return ''; // it ended while we looked
  }
}
