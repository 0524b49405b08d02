/** Two validators of one vehicle on a real network of this machine, and an inspector who asks them. */
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { firstInspectionKeys, networkKeysText, vehicleKeysOf } from '#contracts/vehicle-key.ts';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { createInProcessCardReader } from '../../../edge-agent/adapters/in-process-card-reader.ts';
import { startEdge } from '../../../edge-agent/main.ts';
import { liveKeys } from '../../../edge-agent/neighbours/network-keys.ts';
import { type AskMessage, openMessage, sealMessage } from '../../../edge-agent/neighbours/wire.ts';
import type { ScreenView } from '../../../edge-agent/ports.ts';
import { freeUdpPort } from '../../support/free-udp-port.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { until } from '../../support/until.ts';
import { cardOf, createTestCity, enrol } from '../support/edge-city.ts';

const city = createTestCity();
const keys = vehicleKeysOf(firstInspectionKeys(randomBytes(32)), 'bus-12');
const { sealing: key } = liveKeys(keys, null);
let folder: ReturnType<typeof tempFolder>;
const stops: (() => Promise<void> | void)[] = [];
beforeEach(() => {
  folder = tempFolder('doors');
});
afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop();
  folder.remove();
});

interface Door {
  touch(card: number): Promise<ScreenView>;
  heard(): number;
}

async function door(id: string, own: number, peers: number[], vehicleKeys = keys): Promise<Door> {
  const dir = join(folder.path, id);
  enrol(dir, city, { deviceId: id, passBackS: 60 });
  writeFileSync(join(dir, 'vehicle-keys.json'), networkKeysText(vehicleKeys));
  const reader = createInProcessCardReader(dir);
  const address = (port: number) => ({ host: '127.0.0.1', port });
  const edge = await startEdge(
    { deviceDir: dir, neighbours: { own: address(own), peers: peers.map(address) } },
    { clock: systemClock, log: createLogger({ component: 'edge', level: 'silent' }), reader },
  );
  stops.push(() => edge.stop());
  let shown: ScreenView | undefined;
  edge.agent.onAnswer((view) => {
    shown = view;
  });
  return {
    async touch(number) {
      await reader.present(cardOf(city, number));
      return shown as ScreenView;
    },
    heard: () => edge.agent.counters().ridesHeard,
  };
}

/** Cards that nobody else has. */
let spare = 1000;

/**
 * Resolves when a door has heard the other. A door that did not prove in time that it is there, because the machine stood still, is
 * asked again when it says something more; what was held back comes with it.
 */
async function untilHeard(listener: Door, speaker: Door): Promise<void> {
  let spokeAtMs = performance.now();
  await until(async () => {
    if (listener.heard() > 0) return true;
    if (performance.now() - spokeAtMs < 3000) return false;
    spokeAtMs = performance.now();
    await speaker.touch(spare++);
    return false;
  });
}

describe('two doors of one vehicle', () => {
  it('take one passenger for one ride, at whichever door the second touch is', async () => {
    const [a, b] = [await freeUdpPort(), await freeUdpPort()];
    const front = await door('val-1', a, [b]);
    const rear = await door('val-2', b, [a]);
    expect((await front.touch(1)).repeated).toBeUndefined();
    await untilHeard(rear, front);
    expect((await rear.touch(1)).repeated).toBe(true);
    expect((await rear.touch(2)).repeated).toBeUndefined();
    await untilHeard(front, rear);
    expect((await front.touch(2)).repeated).toBe(true);
    expect((await front.touch(1)).repeated).toBe(true);
  });

  it('with different keys do not hear each other, and go on taking cards', async () => {
    const [a, b] = [await freeUdpPort(), await freeUdpPort()];
    const front = await door('val-1', a, [b]);
    const rear = await door('val-2', b, [a], vehicleKeysOf(firstInspectionKeys(randomBytes(32)), 'bus-13'));
    await front.touch(1);
    expect(await rear.touch(1)).toMatchObject({ sign: 'accepted' });
    expect((await rear.touch(1)).repeated).toBe(true);
    expect([front.heard(), rear.heard()]).toEqual([0, 0]);
  });
});

it('an inspector hears whether a card rode here, and since when the validator can say', async () => {
  const [a, b] = [await freeUdpPort(), await freeUdpPort()];
  const front = await door('val-1', a, [b]);
  await front.touch(1);
  const inspector = createSocket('udp4').bind(b, '127.0.0.1');
  await once(inspector, 'listening');
  stops.push(() => void inspector.close());
  const ask = async (tokenId: string) => {
    const question = randomBytes(16).toString('hex');
    const boot = randomBytes(16).toString('hex');
    const sender = { v: 1, from: 'ins-1', boot, n: 0, sentMs: 0 } as const;
    const message: AskMessage = { ...sender, kind: 'ask', question, tokenIds: [tokenId], sinceAgeMs: 60_000 };
    inspector.send(sealMessage(message, key, randomBytes(12)), a, '127.0.0.1');
    for (;;) {
      const [datagram] = (await once(inspector, 'message')) as [Buffer];
      const answer = openMessage(datagram, [key])?.message;
      if (answer?.kind === 'answer' && answer.question === question) return answer;
    }
  };
  const { cardTokenId } = await import('../../../simulators/cards/issue-card.ts');
  const mediumId = Buffer.alloc(16);
  mediumId.writeUInt32BE(1, 12);
  const rode = await ask(cardTokenId(mediumId, city.tokenKey));
  expect(rode).toMatchObject({ from: 'val-1', rides: [{ companions: 0 }], outOfOrder: [] });
  expect(rode.rides[0]?.ageMs).toBeLessThan(60_000);
  expect((await ask(`k1.${'0'.repeat(32)}`)).rides).toEqual([]);
});
