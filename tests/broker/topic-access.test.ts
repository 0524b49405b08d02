import { describe, expect, it } from 'vitest';
import { topicMatches } from '#platform/mqtt-connection.ts';
import { grantsOf } from '../../broker/access-grants.ts';
import type { BrokerRole } from '../../broker/identity.ts';
import { mayPublish, maySubscribe } from '../../broker/topic-access.ts';

const ROLES: readonly BrokerRole[] = ['device', 'ingest', 'lists', 'monitor'];
const actor = (role: BrokerRole) => ({ clientId: 'val-1', role });

const OWN = ['taps', 'status', 'health', 'receipts', 'commands'].map((c) => `kvytok/v1/val-1/${c}`);
const FOREIGN = ['taps', 'status', 'health', 'receipts', 'commands'].map((c) => `kvytok/v1/val-2/${c}`);
const LISTS = [
  'kvytok/v1/lists/deny',
  'kvytok/v1/lists/tariff',
  `kvytok/v1/lists/tariff/parts/${'a1'.repeat(32)}/0`,
  'kvytok/v1/lists/deny/deltas/1/7',
  'kvytok/v1/lists/deny/snapshots/1/7/0',
];
const PROBES = ['kvytok/v1/val-1/probe', 'kvytok/v1/val-2/probe', 'kvytok/v1/+/probe'];
const NEVER = [
  '',
  '/',
  '#',
  '+',
  '+/#',
  'kvytok/#',
  'kvytok/v1/#',
  'kvytok/v1/+/#',
  'kvytok/v1/+/+',
  'kvytok/v1/val-1/#',
  'kvytok/v1/val-1/+',
  'kvytok/v1/val-1',
  'kvytok/v1/val-1/',
  'kvytok/v1/val-1/taps/',
  'kvytok/v1/val-1/taps/x',
  'kvytok/v1/val-1/other',
  'kvytok/v2/val-1/taps',
  'KVYTOK/v1/val-1/taps',
  'kvytok/v1/val-1\u0000/taps',
  'kvytok/v1/lists/taps',
  'kvytok/v1/lists/#',
  'kvytok/v1/lists/other',
  'kvytok/v1/lists/deny/deltas/0/1',
  'kvytok/v1/lists/deny/deltas/+/1',
  '$SYS/#',
  '$SYS/broker/heartbeat',
  '$share/g/kvytok/v1/val-1/receipts',
  '$share/g/kvytok/v1/+/taps',
  'unrelated',
];
const EVERY = ['taps', 'status', 'health', 'receipts', 'commands'].map((c) => `kvytok/v1/+/${c}`);
const LIST_FILTERS = ['kvytok/v1/lists/deny/#', 'kvytok/v1/lists/tariff/#'];
const TOPICS = [...OWN, ...FOREIGN, ...LISTS, ...PROBES, ...NEVER, ...EVERY, ...LIST_FILTERS];

/** The whole of what is allowed, written by hand; everything else must be refused. */
const PUBLISH: Record<BrokerRole, readonly string[]> = {
  device: ['kvytok/v1/val-1/taps', 'kvytok/v1/val-1/status', 'kvytok/v1/val-1/health'],
  ingest: [
    'kvytok/v1/val-1/receipts',
    'kvytok/v1/val-1/commands',
    'kvytok/v1/val-2/receipts',
    'kvytok/v1/val-2/commands',
    'kvytok/v1/val-1/probe',
  ],
  lists: LISTS,
  monitor: [],
};
const RETAIN: Record<BrokerRole, readonly string[]> = {
  device: ['kvytok/v1/val-1/status'],
  ingest: [],
  lists: LISTS,
  monitor: [],
};
const SUBSCRIBE: Record<BrokerRole, readonly string[]> = {
  device: ['kvytok/v1/val-1/receipts', 'kvytok/v1/val-1/commands', ...LISTS, ...LIST_FILTERS],
  ingest: ['kvytok/v1/+/taps', 'kvytok/v1/+/status', 'kvytok/v1/+/health', 'kvytok/v1/val-1/probe'],
  lists: ['kvytok/v1/lists/deny', 'kvytok/v1/lists/tariff'],
  monitor: ['kvytok/v1/+/status', 'kvytok/v1/+/health'],
};

describe.each(ROLES)('the role %s', (role) => {
  it.each(TOPICS)('on %j', (topic) => {
    expect(mayPublish(actor(role), { topic, retain: false, qos: 1 })).toBe(PUBLISH[role].includes(topic));
    expect(mayPublish(actor(role), { topic, retain: true, qos: 1 })).toBe(RETAIN[role].includes(topic));
    expect(maySubscribe(actor(role), topic)).toBe(SUBSCRIBE[role].includes(topic));
  });

  it('is never offered exactly-once delivery', () => {
    for (const topic of TOPICS) expect(mayPublish(actor(role), { topic, retain: false, qos: 2 })).toBe(false);
  });

  it('has the same access in the table that other brokers are configured by', () => {
    const grants = grantsOf(actor(role));
    // Only within the lists do wildcards reach further than the embedded broker, which knows the numbers in them.
    const listsPart = /^kvytok\/v1\/lists\/deny\//;
    for (const topic of TOPICS.filter((topic) => topic !== '' && !/[+#]/.test(topic))) {
      for (const retain of [false, true]) {
        const granted = grants.publish.some((grant) => {
          return topicMatches(grant.filter, topic) && (!retain || grant.retain);
        });
        const allowed = mayPublish(actor(role), { topic, retain, qos: 1 });
        if (allowed || !listsPart.test(topic)) expect(`${topic} ${granted}`).toBe(`${topic} ${allowed}`);
      }
    }
    for (const filter of grants.subscribe)
      expect(`${filter} ${maySubscribe(actor(role), filter)}`).toBe(`${filter} true`);
    for (const filter of SUBSCRIBE[role]) {
      expect(
        grants.subscribe.some((grant) => grant === filter || topicMatches(grant, filter)),
        filter,
      ).toBe(true);
    }
  });
});
