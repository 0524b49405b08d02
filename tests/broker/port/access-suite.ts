/** Who may say what to whom, on every broker: role × topic × direction. */
import type { MqttClient } from 'mqtt';
import { afterEach, describe, expect, it } from 'vitest';
import { topicMatches } from '#platform/mqtt-connection.ts';
import { grantsOf } from '../../../broker/access-grants.ts';
import { mayPublish, maySubscribe } from '../../../broker/topic-access.ts';
import { until } from '../../support/until.ts';
import * as topics from './topics.ts';
import { type BrokerUnderTest, closed, type Heard, hear } from './under-test.ts';

const ACTORS = [
  { clientId: 'val-1', role: 'device' },
  { clientId: 'ingest-2', role: 'ingest' },
  { clientId: 'office', role: 'lists' },
  { clientId: 'eye', role: 'monitor' },
] as const;
const LISTS = ['kvytok/v1/lists/deny/#', 'kvytok/v1/lists/tariff/#'];

let marks = 0;

/** Two clients that together hear all traffic of the suite's devices but val-1's own, and can wait until all is heard. */
async function observers(broker: BrokerUnderTest): Promise<{ heard(): Heard[]; settle(): Promise<void> }> {
  const [ingest, device, office] = [
    await broker.connect('ingest'),
    await broker.connect('val-2'),
    await broker.connect('val-3'),
  ];
  const up = await hear(ingest, ['kvytok/v1/+/taps', 'kvytok/v1/+/status', 'kvytok/v1/+/health']);
  const down = await hear(device, ['kvytok/v1/val-2/receipts', 'kvytok/v1/val-2/commands', ...LISTS]);
  const heard = (): Heard[] => [...up, ...down];
  return {
    heard,
    async settle() {
      const mark = `mark ${++marks}`;
      const said: [MqttClient, string][] = [
        ...['taps', 'status', 'health'].map((c): [MqttClient, string] => [office, `kvytok/v1/val-3/${c}`]),
        ...['receipts', 'commands'].map((c): [MqttClient, string] => [ingest, `kvytok/v1/val-2/${c}`]),
      ];
      for (const [client, topic] of said) await client.publishAsync(topic, mark, { qos: 1 });
      await until(() => heard().filter(({ text }) => text === mark).length === said.length, {
        what: 'the marks',
      });
    },
  };
}

export function accessSuite(broker: () => BrokerUnderTest): void {
  afterEach(() => broker().endClients());

  describe('logging in', () => {
    it('nobody comes in as another', async () => {
      for (const [name, options] of broker().imposters) {
        await expect(broker().connect('val-1', options), name).rejects.toThrow();
      }
    });

    it('another’s client id is refused, renamed or taken over, as the table says; its topics stay closed', async () => {
      const real = await broker().connect('val-2');
      const receipts = await hear(real, 'kvytok/v1/val-2/receipts');
      const asked = broker().connect('val-2', broker().credentials('val-1'));
      const { foreignClientId } = broker().capabilities;
      if (foreignClientId === 'refused') await expect(asked).rejects.toThrow();
      const imposter = await asked.catch(() => undefined);
      const stolen =
        imposter === undefined
          ? []
          : await hear(imposter, 'kvytok/v1/val-2/receipts').catch((): Heard[] => []);
      const ingest = await broker().connect('ingest');
      if (foreignClientId === 'taken over') {
        await until(() => !real.connected, { what: 'the other to lose its place' });
      } else {
        await ingest.publishAsync('kvytok/v1/val-2/receipts', 'for val-2', { qos: 1 });
        await until(() => receipts.length > 0);
        expect(real.connected).toBe(true);
      }
      await imposter?.unsubscribeAsync('unrelated');
      expect(stolen).toEqual([]);
    });
  });

  describe.each(ACTORS)('the role $role publishes', (actor) => {
    const tried = [
      ...topics.OWN,
      ...topics.FOREIGN,
      ...topics.LISTS,
      ...topics.PROBES,
      ...topics.NEVER_TOPICS,
    ];

    it.each([false, true])('what the table allows and nothing else (retained: %s)', async (retain) => {
      const { heard, settle } = await observers(broker());
      const run = `${actor.role} ${retain} ${++marks}`;
      let client = await broker().connect(actor.clientId);
      for (const topic of tried) {
        if (!client.connected) client = await broker().connect(actor.clientId);
        const allowed = mayPublish(actor, { topic, retain, qos: 1 });
        const disconnects = broker().capabilities.forbiddenPublish === 'disconnected';
        const outcome = await outcomeOf(client, topic, `${run} ${topic}`, retain);
        const expected = allowed || !disconnects ? 'acknowledged' : 'disconnected';
        expect(`${topic}: ${outcome}`).toBe(`${topic}: ${expected}`);
      }
      const came = (): Set<string> =>
        new Set(
          heard()
            .filter(({ text }) => text.startsWith(run))
            .map(({ topic }) => topic),
        );
      const retainsAnything = broker().capabilities.forbiddenRetain === 'retained';
      const expected = tried.filter((topic) => {
        const may = mayPublish(actor, { topic, retain: retain && !retainsAnything, qos: 1 });
        return may && /^kvytok\/v1\/(.*\/(taps|status|health)|val-2\/.*|lists\/.*)$/.test(topic);
      });
      // Each subscription has its own way at some brokers: a mark on one says nothing of another.
      await until(() => expected.every((topic) => came().has(topic)), { what: 'all that is allowed' });
      await settle();
      expect([...came()].sort()).toEqual([...expected].sort());
    });
  });

  describe.each(ACTORS)('the role $role subscribes', (actor) => {
    it('to what the table allows and hears nothing else', async () => {
      const { settle } = await observers(broker());
      const client = await broker().connect(actor.clientId);
      const heard: string[] = [];
      client.on('message', (topic) => void heard.push(topic));
      const filters = [
        ...topics.OWN,
        ...topics.FOREIGN,
        ...topics.EVERY,
        ...topics.LISTS,
        ...topics.PROBES,
        ...topics.NEVER_FILTERS,
      ];
      for (const filter of filters) {
        const granted = await client.subscribeAsync(filter, { qos: 1 }).then(
          (grants) => grants.every(({ qos }) => qos < 128),
          () => false,
        );
        const { forbiddenSubscription, narrowerSubscription } = broker().capabilities;
        const within = grantsOf(actor).subscribe.some((wider) => topicMatches(wider, filter));
        const taken =
          maySubscribe(actor, filter) ||
          forbiddenSubscription === 'silent' ||
          (narrowerSubscription === 'granted' && within);
        expect(`${filter}: ${granted}`).toBe(`${filter}: ${taken}`);
      }
      await settle();
      await client.unsubscribeAsync('unrelated'); // its answer comes after whatever was on the way
      const readable = grantsOf(actor).subscribe;
      expect(heard.filter((topic) => !readable.some((filter) => topicMatches(filter, topic)))).toEqual([]);
      if (actor.role === 'ingest' || actor.role === 'monitor')
        await until(() => heard.includes('kvytok/v1/val-3/status'));
    });
  });

  describe('wills', () => {
    it.each([
      ['on a foreign topic', 'kvytok/v1/val-2/status', 1],
      ['on receipts', 'kvytok/v1/val-2/receipts', 1],
      ['in $SYS', '$SYS/x', 0],
    ] as const)('a will %s goes nowhere', async (_name, topic, qos) => {
      const { heard, settle } = await observers(broker());
      const payload = Buffer.from(`will ${++marks}`);
      const asked = broker().connect('val-1', { will: { topic, payload, qos, retain: false } });
      if (broker().capabilities.forbiddenWill === 'connection refused') await expect(asked).rejects.toThrow();
      else (await asked).stream.destroy();
      // Whoever logs in under the same name afterwards was served after the end of the first.
      await broker().connect('val-1');
      await settle();
      expect(heard().some(({ text }) => text === payload.toString())).toBe(false);
    });
  });

  describe('exactly-once delivery', () => {
    it('is not offered', async () => {
      const { heard, settle } = await observers(broker());
      const device = await broker().connect('val-1');
      const dropped = closed(device);
      device.publish('kvytok/v1/val-1/taps', 'twice safe', { qos: 2 });
      await dropped;
      await settle();
      expect(heard().some(({ text }) => text === 'twice safe')).toBe(false);
    });
  });

  describe('shared subscriptions', () => {
    it('serve each message to one of the group, or are refused, as the table says', async () => {
      const [one, two] = [await broker().connect('ingest'), await broker().connect('ingest-2')];
      const filter = '$share/workers/kvytok/v1/+/taps';
      if (broker().capabilities.sharedSubscriptions === 'refused') {
        await expect(one.subscribeAsync(filter, { qos: 1 })).rejects.toThrow();
        return;
      }
      const [first, second] = [await hear(one, filter), await hear(two, filter)];
      const device = await broker().connect('val-1');
      const run = `shared ${++marks}`;
      const texts = Array.from({ length: 40 }, (_, n) => `${run} ${n}`);
      for (const text of texts) await device.publishAsync('kvytok/v1/val-1/taps', text, { qos: 1 });
      const ofRun = (heard: Heard[]): string[] =>
        heard.map(({ text }) => text).filter((text) => text.startsWith(run));
      await until(() => ofRun(first).length + ofRun(second).length >= texts.length);
      expect([...ofRun(first), ...ofRun(second)].sort()).toEqual([...texts].sort());
      expect(ofRun(first).length).toBeGreaterThan(0);
      expect(ofRun(second).length).toBeGreaterThan(0);
    });
  });
}

/** What becomes of one publish. */
async function outcomeOf(
  client: MqttClient,
  topic: string,
  text: string,
  retain: boolean,
): Promise<'acknowledged' | 'disconnected'> {
  const dropped = closed(client).then(() => 'disconnected' as const);
  const sent = client.publishAsync(topic, text, { qos: 1, retain }).then(() => 'acknowledged' as const);
  sent.catch(() => {});
  return Promise.race([sent, dropped]);
}
