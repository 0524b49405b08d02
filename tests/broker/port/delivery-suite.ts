/** Deliveries, sessions and limits that hold on every broker. */
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { BATCH_BYTES_MAX } from '#contracts/batch.ts';
import { until } from '../../support/until.ts';
import { type BrokerUnderTest, closed, type Heard, hear, SUITE_CLIENTS } from './under-test.ts';

const TAPS = 'kvytok/v1/val-1/taps';

let words = 0;

export function deliverySuite(broker: () => BrokerUnderTest): void {
  afterEach(() => broker().endClients());

  const connect: BrokerUnderTest['connect'] = (id, options) => broker().connect(id, options);

  describe('the way of a message', () => {
    it('goes from a device to ingest and the answer back to that device only', async () => {
      const device = await connect('val-1');
      const [other, ingest] = [await connect('val-2'), await connect('ingest')];
      const taps = await hear(ingest, 'kvytok/v1/+/taps');
      const answers = await hear(device, 'kvytok/v1/val-1/receipts');
      const foreign = await hear(other, 'kvytok/v1/val-2/receipts');
      await device.publishAsync(TAPS, 'a batch', { qos: 1 });
      await until(() => taps.some(({ topic, text }) => topic === TAPS && text === 'a batch'));
      await ingest.publishAsync('kvytok/v1/val-1/receipts', 'a receipt', { qos: 1 });
      await ingest.publishAsync('kvytok/v1/val-2/receipts', 'another', { qos: 1 });
      await until(() => answers.length > 0 && foreign.length > 0);
      expect(answers).toEqual([{ topic: 'kvytok/v1/val-1/receipts', text: 'a receipt', retain: false }]);
      expect(foreign.map(({ text }) => text)).toEqual(['another']);
    });

    it('keeps lists for devices that come later, and forgets one that is emptied', async () => {
      const office = await connect('office');
      const topic = 'kvytok/v1/lists/deny/deltas/1/3';
      await office.publishAsync('kvytok/v1/lists/deny', 'version 7', { qos: 1, retain: true });
      await office.publishAsync(topic, 'a delta', { qos: 1, retain: true });
      const first = await hear(await connect('val-2'), 'kvytok/v1/lists/deny/#');
      await until(() => first.length >= 2);
      expect(first).toContainEqual({ topic: 'kvytok/v1/lists/deny', text: 'version 7', retain: true });
      await office.publishAsync(topic, '', { qos: 1, retain: true });
      const second = await hear(await connect('val-3'), 'kvytok/v1/lists/deny/#');
      await until(() => second.length >= 1);
      expect(second.map((message) => message.topic)).toEqual(['kvytok/v1/lists/deny']);
    });

    it('publishes the last will of a device that vanishes and keeps it, and none of one that leaves', async () => {
      const statuses = await hear(await connect('eye'), 'kvytok/v1/+/status');
      const will = (id: string, text: string) => {
        return { topic: `kvytok/v1/${id}/status`, payload: Buffer.from(text), qos: 1 as const, retain: true };
      };
      const polite = await connect('val-3', { will: will('val-3', 'never said') });
      await polite.endAsync();
      const device = await connect('val-2', { will: will('val-2', 'gone') });
      device.stream.destroy();
      await until(() => statuses.some(({ text }) => text === 'gone'));
      expect(statuses.some(({ text }) => text === 'never said')).toBe(false);
      const later = await hear(await connect('ingest'), 'kvytok/v1/+/status');
      await until(() => later.some(({ text, retain }) => text === 'gone' && retain));
    });
  });

  describe('sessions', () => {
    it('a session to be stored is refused or bounded, as the table says', async () => {
      const asked = connect('val-1', { clean: false });
      if (broker().capabilities.storedSession === 'refused') await expect(asked).rejects.toThrow();
      else await (await asked).endAsync();
    });

    it('nothing waits for a device that was away with a clean session', async () => {
      const device = await connect('val-1');
      await hear(device, 'kvytok/v1/val-1/receipts');
      await device.endAsync();
      const ingest = await connect('ingest');
      await ingest.publishAsync('kvytok/v1/val-1/receipts', 'while away', { qos: 1 });
      const again = await hear(await connect('val-1'), 'kvytok/v1/val-1/receipts');
      await ingest.publishAsync('kvytok/v1/val-1/receipts', 'now', { qos: 1 });
      await until(() => again.length > 0);
      expect(again.map(({ text }) => text)).toEqual(['now']);
    });

    it('a client of MQTT 5 is answered as the table says', async () => {
      const asked = connect('val-1', { protocolVersion: 5 });
      if (broker().capabilities.mqtt5 === 'refused') await expect(asked).rejects.toThrow();
      else await (await asked).endAsync();
    });

    it.each([0, 3600])('a keep-alive of %i s is answered as the table says', async (keepalive) => {
      const asked = connect('val-1', { keepalive });
      if (broker().capabilities.longKeepAlive === 'refused') await expect(asked).rejects.toThrow();
      else await (await asked).endAsync();
    });
  });

  describe('limits', () => {
    it('the largest batch goes through; a larger packet is answered as the table says and harms no one else', async () => {
      const [device, other] = [await connect('val-1'), await connect('val-2')];
      const taps = await hear(await connect('ingest'), 'kvytok/v1/+/taps');
      await device.publishAsync(TAPS, Buffer.alloc(BATCH_BYTES_MAX, 'a'), { qos: 1 });
      await until(() => taps.some(({ text }) => text.startsWith('aaa')));
      const larger = Buffer.alloc(BATCH_BYTES_MAX + 2048, 'b');
      if (broker().capabilities.largePacket === 'closed') {
        const dropped = closed(device);
        device.publish(TAPS, larger, { qos: 1 });
        await dropped;
      } else {
        await device.publishAsync(TAPS, larger, { qos: 1 });
        await until(() => taps.some(({ text }) => text.startsWith('bbb')));
      }
      await other.publishAsync('kvytok/v1/val-2/taps', 'well', { qos: 1 });
      await until(() => taps.some(({ text }) => text === 'well'));
      const carried = taps.some(({ text }) => text.startsWith('bbb'));
      expect(carried).toBe(broker().capabilities.largePacket === 'carried');
    });

    it('5,000 messages at once all reach an ingest that is slow to acknowledge', async () => {
      const [device, ingest] = [await connect('val-1'), await connect('ingest')];
      const seen = new Set<string>();
      ingest.on('message', (_topic, payload) => void seen.add(payload.toString()));
      await ingest.subscribeAsync('kvytok/v1/+/taps', { qos: 1 });
      (ingest.stream as unknown as { pause(): void }).pause();
      const sent = Array.from({ length: 5_000 }, (_, n) =>
        device.publishAsync(TAPS, `burst ${n}`, { qos: 1 }),
      );
      await Promise.all(sent);
      (ingest.stream as unknown as { resume(): void }).resume();
      await until(() => seen.size >= 5_000, { what: 'all that was acknowledged' });
    });
  });

  describe('identities that change', () => {
    it('a revoked device is closed or muted, as the table says; the others stay; enrolled anew it is back', async () => {
      const [device, other] = [await connect('val-1'), await connect('val-2')];
      const taps = await hear(await connect('ingest'), 'kvytok/v1/+/taps');
      const receipts = await hear(device, 'kvytok/v1/val-1/receipts');
      const dropped = closed(device);
      broker().setClients(SUITE_CLIENTS.filter(({ clientId }) => clientId !== 'val-1'));
      if (broker().capabilities.revokedConnection === 'closed') {
        await dropped;
        await expect(connect('val-1')).rejects.toThrow();
      } else {
        // It may come in with its certificate, and is told that its words were taken; they go nowhere.
        await until(async () => isMute(device, taps), { what: 'the access list to be read' });
        await (await connect('ingest-2')).publishAsync('kvytok/v1/val-1/receipts', 'secret', { qos: 1 });
        await device.unsubscribeAsync('unrelated');
        expect(receipts).toEqual([]);
      }
      expect(other.connected).toBe(true);
      await other.publishAsync('kvytok/v1/val-2/health', '{}', { qos: 1 });
      broker().setClients(SUITE_CLIENTS);
      await until(() => speaksAgain(taps), { what: 'val-1 to be heard again' });
    });
  });

  async function isMute(device: MqttClient, taps: Heard[]): Promise<boolean> {
    const text = `still here ${++words}`;
    await device.publishAsync(TAPS, text, { qos: 1 });
    await (await connect('val-3')).publishAsync('kvytok/v1/val-3/taps', `after ${text}`, { qos: 1 });
    await until(() => taps.some((message) => message.text === `after ${text}`));
    return !taps.some((message) => message.text === text);
  }

  async function speaksAgain(taps: Heard[]): Promise<boolean> {
    const device = await connect('val-1').catch(() => undefined);
    const text = `back ${++words}`;
    await device?.publishAsync(TAPS, text, { qos: 1 });
    await (await connect('val-3')).publishAsync('kvytok/v1/val-3/taps', `after ${text}`, { qos: 1 });
    await until(() => taps.some((message) => message.text === `after ${text}`));
    return taps.some((message) => message.text === text);
  }
}
