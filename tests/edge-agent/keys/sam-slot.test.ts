/** A SAM in a PC/SC slot of its own beside the passengers' reader, over the real pcscd. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPcscCardReader } from '../../../edge-agent/adapters/pcsc-card-reader.ts';
import type { CardReader, CardReading } from '../../../edge-agent/ports.ts';
import { createLogger } from '../../../platform/logger.ts';
import { behindReader } from '../../../simulators/cards/desfire/behind-reader.ts';
import { type PrivatePcscd, startPrivatePcscd } from '../../../simulators/cards/pcscd.ts';
import { createVirtualSam, SAM_ATR } from '../../../simulators/cards/sam/virtual-sam.ts';
import { type InsertedCard, insertIntoVpcd } from '../../../simulators/cards/vpcd-card.ts';
import { skipWithoutPcsc } from '../../support/pcsc-here.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { cardOf, issuer, masterKeys } from '../media/desfire-rig.ts';
import { createTestCity, enrol } from '../support/edge-city.ts';

const keys = masterKeys(4);
const sam = () =>
  createVirtualSam(
    new Map([
      [1, new Map([[4, keys.read]])],
      [2, new Map([[4, keys.log]])],
    ]),
  );
/** The second of the virtual reader's slots. */
const STORE = {
  v: 1,
  kind: 'sam',
  slot: '00 01',
  entries: { 'desfire-read': { entry: 1, versions: [4] }, 'desfire-log': { entry: 2, versions: [4] } },
};

describe.skipIf(skipWithoutPcsc('A SAM over PC/SC'))('a SAM in a slot over pcscd', () => {
  let pcscd: PrivatePcscd;
  let folder: ReturnType<typeof tempFolder>;
  let reader: CardReader | undefined;
  let readings: CardReading[];
  let logged: string[];
  let inserted: InsertedCard[];

  beforeEach(async () => {
    pcscd = await startPrivatePcscd();
    folder = tempFolder('sam');
    enrol(folder.path, { ...createTestCity(), issuer });
    readings = [];
    logged = [];
    inserted = [];
    reader = undefined;
  });
  afterEach(async () => {
    for (const card of inserted) await card.remove();
    await reader?.stop();
    await pcscd.stop();
    folder.remove();
  });

  async function start(store: object): Promise<void> {
    writeFileSync(join(folder.path, 'key-store.json'), JSON.stringify(store));
    const log = createLogger({ component: 'test', level: 'debug', write: (line) => void logged.push(line) });
    const pcsc = createPcscCardReader({ deviceDir: folder.path, log, socketPath: pcscd.socketPath });
    reader = pcsc;
    await pcsc.start(async (visit) => void readings.push(await visit.read()));
    await until(() => pcsc.state().state === 'ready');
  }
  async function insert(card: Parameters<typeof insertIntoVpcd>[0]['card'], slot = 0): Promise<InsertedCard> {
    const lying = await insertIntoVpcd({ port: pcscd.vpcdPort + slot, card });
    inserted.push(lying);
    return lying;
  }
  const removals = (): number => logged.filter((line) => line.includes('reader.card removed')).length;

  it('opens the city’s cards; it is no passenger’s card itself, and while it is gone the validator is out of order', async () => {
    await start({ ...STORE, atr: Buffer.from(SAM_ATR).toString('hex') });
    const touch = async (): Promise<CardReading | undefined> => {
      const [known, left] = [readings.length, removals()];
      const card = await insert(behindReader(cardOf()));
      await until(() => readings.length > known);
      await card.remove();
      await until(() => removals() > left);
      return readings.at(-1);
    };
    expect(await touch()).toEqual({ ok: false, reason: 'VALIDATOR_OUT_OF_ORDER' });
    await insert(sam(), 1);
    await until(async () => (await touch())?.ok === true);
    expect(readings.at(-1)).toMatchObject({ ok: true, card: { mediumKind: 'social', language: 'pl' } });
    // Nothing but touches was read: what lies in the SAM's slot is on no offer.
    expect(new Set(readings.map((reading) => (reading.ok ? 'ok' : reading.reason)))).toEqual(
      new Set(['VALIDATOR_OUT_OF_ORDER', 'ok']),
    );
    expect(readings).toHaveLength(removals());
  });

  it('of another kind than the one that is named is not spoken to', async () => {
    await insert(sam(), 1);
    await start({ ...STORE, atr: '3b800180' });
    await insert(behindReader(cardOf()));
    await until(() => readings.length === 1);
    expect(readings).toEqual([{ ok: false, reason: 'VALIDATOR_OUT_OF_ORDER' }]);
  });
});
