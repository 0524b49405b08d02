/**
 * A broker's bad day: a proxy on an MQTT link that sends messages twice, swaps them, loses them after acknowledging
 * them, and brings old ones again. Which messages and how often is said by rules; chance comes from a seed.
 */
import { generate, type IPublishPacket, type Packet, parser } from 'mqtt-packet';
import { topicMatches } from '#platform/mqtt-connection.ts';
import {
  type Direction,
  type Filter,
  startTcpProxy,
  type TcpProxy,
  type TcpProxyOptions,
} from './tcp-proxy.ts';

/** What happens to the messages of some topics; each number is the share of messages, 0 to 1. */
export interface MessageRule {
  readonly direction: Direction;
  /** MQTT filter of the topics. */
  readonly filter: string;
  /** Sent twice, one right after the other. */
  readonly duplicate?: number;
  /** Kept back until the next message of this rule has gone. */
  readonly swap?: number;
  /** Acknowledged to whoever sent it, and thrown away. */
  readonly lose?: number;
  /** Followed by an older message of the same rule, also from before a reconnection. */
  readonly replay?: number;
}

/** Messages on which a rule has worked since the start. */
export type MessageCounts = Record<'passed' | 'duplicate' | 'swap' | 'lose' | 'replay', number>;

export interface MqttProxy extends TcpProxy {
  /** Puts other rules in the place of those that hold; none = every message passes. */
  rule(rules: readonly MessageRule[]): void;
  counts(): MessageCounts;
}

/** Old messages kept for each rule. */
const REMEMBERED = 64;
const ACTS = ['lose', 'swap', 'duplicate', 'replay'] as const;

interface RuleState {
  readonly rule: MessageRule;
  readonly past: IPublishPacket[];
}

/** Starts a proxy before a broker that speaks MQTT 3.1.1 without TLS. */
export async function startMqttProxy(
  options: Omit<TcpProxyOptions, 'openFilters'> & { readonly chance: () => number },
): Promise<MqttProxy> {
  let states: RuleState[] = [];
  const counts: MessageCounts = { passed: 0, duplicate: 0, swap: 0, lose: 0, replay: 0 };
  const proxy = await startTcpProxy({
    ...options,
    openFilters: (send) => {
      const lane = (direction: Direction): Filter =>
        messageFilter({
          chance: options.chance,
          counts,
          stateOf: (topic) =>
            states.find(({ rule }) => rule.direction === direction && topicMatches(rule.filter, topic)),
          acknowledge: (messageId) =>
            send(direction === 'up' ? 'down' : 'up', generate({ cmd: 'puback', messageId })),
        });
      return { up: lane('up'), down: lane('down') };
    },
  });
  return {
    ...proxy,
    rule(rules) {
      states = rules.map((rule) => ({ rule, past: [] }));
    },
    counts: () => ({ ...counts }),
  };
}

interface LaneParts {
  readonly chance: () => number;
  readonly counts: MessageCounts;
  readonly stateOf: (topic: string) => RuleState | undefined;
  readonly acknowledge: (messageId: number) => void;
}

function messageFilter(parts: LaneParts): Filter {
  const { chance, counts } = parts;
  const parse = parser({ protocolVersion: 4 });
  let out: Buffer[] = [];
  let kept: Buffer | undefined;
  // Our own copies go without acknowledgement, so that nobody's message numbers are disturbed.
  const copyOf = ({ cmd, topic, payload }: IPublishPacket): Buffer =>
    generate({ cmd, topic, payload, qos: 0, dup: false, retain: false });

  function act(packet: IPublishPacket, { rule, past }: RuleState): void {
    const chosen = ACTS.find((name) => chance() < (rule[name] ?? 0)) ?? 'passed';
    counts[chosen] += 1;
    const old = past[Math.floor(chance() * past.length)];
    past.push(packet);
    if (past.length > REMEMBERED) past.shift();
    if (chosen === 'lose') {
      if (packet.qos === 1 && packet.messageId !== undefined) parts.acknowledge(packet.messageId);
      return;
    }
    const bytes = generate(packet);
    if (chosen === 'swap' && kept === undefined) {
      kept = bytes;
      return;
    }
    out.push(bytes);
    if (kept !== undefined) out.push(kept);
    kept = undefined;
    if (chosen === 'duplicate') out.push(copyOf(packet));
    if (chosen === 'replay' && old !== undefined) out.push(copyOf(old));
  }

  parse.on('packet', (packet: Packet) => {
    const state = packet.cmd === 'publish' ? parts.stateOf(packet.topic) : undefined;
    if (packet.cmd === 'publish' && state !== undefined) act(packet, state);
    else out.push(generate(packet));
  });
  return {
    take(bytes) {
      out = [];
      parse.parse(bytes);
      return out;
    },
  };
}
