/** A station over the real PC/SC stack: pcscd, a virtual reader, and a blank virtual chip. */
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { loadMedia } from '../../../edge-agent/adapters/load-media.ts';
import { createPcscIssuingReader } from '../../../edge-agent/adapters/pcsc-issuing-reader.ts';
import { realTimers } from '../../../edge-agent/adapters/timers.ts';
import { type StationRole, startStation } from '../../../edge-agent/issue/main.ts';
import { createSeries } from '../../../edge-agent/issue/order-book.ts';
import type { StationEvent } from '../../../edge-agent/issue/station.ts';
import { openCard } from '../../../edge-agent/media/read-medium.ts';
import { behindReader } from '../../../simulators/cards/desfire/behind-reader.ts';
import { type PrivatePcscd, startPrivatePcscd } from '../../../simulators/cards/pcscd.ts';
import { type InsertedCard, insertIntoVpcd } from '../../../simulators/cards/vpcd-card.ts';
import { manualClock } from '../../support/manual-clock.ts';
import { skipWithoutPcsc } from '../../support/pcsc-here.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { createTestCity, enrol } from '../support/edge-city.ts';
import { blankChip, CARD_KEYS, NOW_MS, ORDER, torn } from './issuing-rig.ts';

describe.skipIf(skipWithoutPcsc('Issuing over PC/SC'))('a station over pcscd', () => {
  let folder: ReturnType<typeof tempFolder>;
  let pcscd: PrivatePcscd;
  let role: StationRole;
  let inserted: InsertedCard | undefined;
  const events: StationEvent[] = [];
  const logged: string[] = [];
  const removals = (): number => logged.filter((line) => line.includes('reader.card removed')).length;

  beforeEach(async () => {
    inserted = undefined;
    folder = tempFolder('station-pcsc');
    pcscd = await startPrivatePcscd();
    const city = createTestCity();
    const { dir } = enrol(join(folder.path, 'desk-1'), city, {
      deviceId: 'desk-1',
      mqttUrl: 'mqtt://127.0.0.1:1',
    });
    const cards = Object.fromEntries(CARD_KEYS.map((name) => [name, { 3: randomBytes(16).toString('hex') }]));
    const secret = { mode: 0o600 };
    writeFileSync(join(dir, 'card-keys.json'), JSON.stringify({ v: 1, cards }), secret);
    const pem = city.issuer.privateKey.export({ type: 'pkcs8', format: 'pem' });
    writeFileSync(join(dir, 'issuer-key.pem'), pem, secret);
    events.length = 0;
    logged.length = 0;
    const log = createLogger({ component: 'test', level: 'debug', write: (line) => void logged.push(line) });
    role = await startStation(
      {
        deviceDir: dir,
        mode: 'issue',
        staffId: 'clerk-7',
        book: createSeries(ORDER, 2),
        onEvent: (event) => void (event.event !== 'step' && events.push(event)),
      },
      {
        clock: manualClock(NOW_MS),
        log,
        reader: createPcscIssuingReader({
          deviceDir: dir,
          log,
          socketPath: pcscd.socketPath,
          nowMs: () => NOW_MS,
        }),
      },
    );
  });
  afterEach(async () => {
    await inserted?.remove();
    await role.stop();
    await pcscd.stop();
    folder.remove();
  });

  it('makes cards of blank chips; one that was pulled away is finished when it comes back', async () => {
    const chips = [blankChip(), blankChip()] as const;
    let cards = 0;
    const insert = async (card: { transmit(apdu: Uint8Array): Promise<Uint8Array> }, chip = chips[0]) => {
      await inserted?.remove();
      // One that was torn away may have been missed long before.
      await until(() => removals() === cards);
      cards += 1;
      const before = events.length;
      inserted = await insertIntoVpcd({ port: pcscd.vpcdPort, card: { ...behindReader(chip), ...card } });
      await until(() => events.length > before);
    };
    await insert({ transmit: (apdu) => chips[0].transmit(apdu) });
    expect(events.at(-1)).toMatchObject({ event: 'issued', cardKind: 'social', keyVersion: 3 });
    await insert({ transmit: torn(chips[1], 33, 'answer').transmit }, chips[1]);
    expect(events.at(-1)).toMatchObject({ event: 'torn', reason: 'ISSUE_CARD_GONE' });
    expect(await role.begun()).toBe(1);
    chips[1].reset();
    await insert({ transmit: (apdu) => chips[1].transmit(apdu) }, chips[1]);
    expect(events.at(-1)).toMatchObject({ event: 'issued' });
    await role.station.finished;
    expect(await role.begun()).toBe(0);
    for (const chip of chips) {
      chip.reset();
      const opened = await openCard(
        chip,
        loadMedia(join(folder.path, 'desk-1'), () => NOW_MS),
        {
          timers: realTimers,
          timeMsMax: 5000,
        },
      );
      opened.end();
      expect(opened.reading).toMatchObject({ ok: true, card: { mediumKind: 'social' } });
    }
  });
});
