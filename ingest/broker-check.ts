/**
 * Measures whether the broker holds what ingest needs. MQTT 3.1.1 cannot ask a broker for its limits, and a broker that
 * acknowledges messages and drops them looks well until a fleet comes back. So ingest sends itself a bounded burst on a
 * topic of its own, before it takes any taps, and counts.
 *
 * Why the count is exact: burst and acknowledgements travel on one connection. The broker reads the whole burst before
 * it sees the first acknowledgement, so what it can send meanwhile is its window, and what arrives in the end is window
 * plus queue. No clock has a part in that: the end is there when a mark has come that was sent after all of it, not when a
 * broker that stands still has been silent for a while.
 */

/** What must fit. */
export interface BrokerNeeds {
  /** Messages that must wait for ingest without being dropped. */
  readonly queued: number;
  /** Unacknowledged messages on their way; fewer cost throughput. */
  readonly window: number;
  /** Payload of the largest batch. */
  readonly payloadBytes: number;
}

/** One thing that does not fit. */
export interface BrokerFinding {
  readonly limit: 'access' | 'queue' | 'window' | 'packet';
  /** What came through, in messages or bytes. */
  readonly found: number;
  readonly needed: number;
  readonly todo: string;
}

/** Null: the connection was lost meanwhile, so nothing can be said. */
export type BrokerCheck = readonly BrokerFinding[] | null;

/** The way to the broker and back on the probe topic. */
export interface ProbeLine {
  /** Calls back with each message of the probe topic; rejects when that is refused. Resolves with a way to leave. */
  listen(onMessage: (payload: Uint8Array) => void): Promise<() => Promise<void>>;
  /** QoS 1; rejects when the connection is lost before the acknowledgement. */
  publish(payload: Uint8Array, onAcknowledged?: () => void): Promise<void>;
  readonly connected: boolean;
  /** Resolves when `done` says so or nothing has arrived for a while; then the queue is empty, or the broker stands still. */
  quiet(done: () => boolean): Promise<void>;
}

const REMEDY =
  'Write the configuration with "kvytok broker config" and let the broker read it (docs/BROKERS.md).';
const REMEDIES = {
  access: `The broker does not let ingest hear its probe topic kvytok/v1/<client id>/probe. ${REMEDY}`,
  queue: `The broker acknowledges messages and drops them: raise its queue (mosquitto: max_queued_messages). ${REMEDY}`,
  window: `Raise the number of unacknowledged messages (mosquitto: max_inflight_messages). ${REMEDY}`,
  packet: `The broker does not carry the largest batch (mosquitto: max_packet_size). ${REMEDY}`,
} as const;

/** Runs the measurement once. `run` is a word of this run alone, so that what another run left over is not counted. */
export async function checkBroker(line: ProbeLine, needs: BrokerNeeds, run: string): Promise<BrokerCheck> {
  const counter = countOf(run);
  let leave: () => Promise<void>;
  try {
    leave = await line.listen(counter.take);
  } catch {
    return line.connected ? [finding('access', 0, 1)] : null;
  }
  try {
    return await measure(line, needs, run, counter);
  } catch (error) {
    if (line.connected) throw error;
    return null;
  } finally {
    await leave().catch(() => {}); // without a connection there is nothing to leave
  }
}

async function measure(
  line: ProbeLine,
  needs: BrokerNeeds,
  run: string,
  counter: Counter,
): Promise<BrokerCheck> {
  if (!(await marked(line, counter))) return line.connected ? [finding('access', 0, 1)] : null;

  let window = 0;
  const acknowledged = (): void => {
    window = counter.seen(); // The last one counts: what came before it was sent without our acknowledgements.
  };
  const burst = Array.from({ length: needs.queued }, (_, n) =>
    line.publish(counter.message(n), acknowledged),
  );
  await Promise.all(burst);
  await line.quiet(() => counter.seen() === needs.queued);
  if (counter.seen() < needs.queued) await marked(line, counter);
  const arrived = counter.seen();
  if (!line.connected) return null;

  const findings: BrokerFinding[] = [];
  if (arrived < needs.queued) findings.push(finding('queue', arrived, needs.queued));
  if (window < needs.window) findings.push(finding('window', window, needs.window));
  if (!(await carries(line, run, needs.payloadBytes, counter)))
    findings.push(finding('packet', 0, needs.payloadBytes));
  return findings;
}

/** A full queue may drop a mark too; one that is sent when nothing comes any more is dropped by nobody. */
const MARKS_MAX = 4;

/**
 * Whether the mark that was sent last comes back: then all that was sent before it has come, or never will. An earlier mark, come
 * late, says nothing of what was sent after it; and while one is still on its way it takes a place in the window.
 */
async function marked(line: ProbeLine, counter: Counter): Promise<boolean> {
  for (let n = 0; n < MARKS_MAX; n++) {
    const mark = counter.newMark();
    await line.publish(mark.message);
    await line.quiet(mark.hasCome);
    if (mark.hasCome()) return true;
  }
  return false;
}

/** Whether the largest message comes back. A broker that will not carry it closes the connection, or says nothing. */
async function carries(line: ProbeLine, run: string, bytes: number, counter: Counter): Promise<boolean> {
  const before = counter.seen();
  const large = new Uint8Array(bytes);
  large.set(new TextEncoder().encode(`${run} large`));
  const sent = await line.publish(large).then(
    () => true,
    () => false,
  );
  if (!sent) return false;
  await line.quiet(() => counter.seen() > before);
  // Its connection may be closed by now: then nothing comes back, and no mark.
  if (counter.seen() === before) await marked(line, counter).catch(() => false);
  return counter.seen() > before;
}

interface Counter {
  take(payload: Uint8Array): void;
  message(n: number): Uint8Array;
  /** Different messages of this run so far; what comes twice counts once. */
  seen(): number;
  /** Another mark each time, counted apart from the messages. */
  newMark(): { readonly message: Uint8Array; readonly hasCome: () => boolean };
}

function countOf(run: string): Counter {
  const [seen, marks] = [new Set<string>(), new Set<string>()];
  let marksSent = 0;
  const decoder = new TextDecoder();
  return {
    take(payload) {
      const text = decoder.decode(payload.subarray(0, run.length + 12));
      if (text.startsWith(`${run} mark`)) marks.add(text);
      else if (text.startsWith(`${run} `)) seen.add(text);
    },
    message: (n) => new TextEncoder().encode(`${run} ${n}`),
    seen: () => seen.size,
    newMark() {
      const text = `${run} mark ${marksSent++}`;
      return { message: new TextEncoder().encode(text), hasCome: () => marks.has(text) };
    },
  };
}

function finding(limit: BrokerFinding['limit'], found: number, needed: number): BrokerFinding {
  return { limit, found, needed, todo: REMEDIES[limit] };
}
