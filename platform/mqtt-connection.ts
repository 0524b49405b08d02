/**
 * A connection to an MQTT 3.1.1 broker that comes back by itself. Sessions are clean: nothing is left to the broker's
 * memory, every connection subscribes anew, and whoever publishes what must not be lost waits for a receipt of its own.
 */
import type { TLSSocket } from 'node:tls';
import mqtt from 'mqtt';
import { type Backoff, backoffMs } from './backoff.ts';
import type { Logger } from './logger.ts';
import { connectPinned, type TlsIdentity, type TlsTarget } from './pinned-tls.ts';

export interface MqttWill {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly qos: 0 | 1;
  readonly retain: boolean;
}

export interface MqttOptions {
  /** `mqtt://127.0.0.1:1883` or `mqtts://…`. */
  readonly url: string;
  readonly clientId: string;
  /** Password of a connection without TLS; the user name is the client id. */
  readonly secret?: string | undefined;
  /**
   * Own certificate and pinned authority for `mqtts://`; asked at each connection, so that a certificate that was
   * renewed meanwhile is used.
   */
  readonly tls?: (() => TlsIdentity) | undefined;
  /** What the broker publishes for us when we vanish. */
  readonly will?: MqttWill;
  readonly log: Logger;
  /** Bounds of the waits between tries; a service's when left out. */
  readonly backoff?: Backoff;
}

/** Called for each message. A thrown error is logged and goes no further. */
export type MqttHandler = (
  topic: string,
  payload: Uint8Array,
  info: { readonly retain: boolean },
) => void | Promise<void>;

export interface PublishOptions {
  readonly qos?: 0 | 1;
  readonly retain?: boolean;
  /** Called before any packet that came after the acknowledgement is looked at; the promise may settle later. */
  readonly onAcknowledged?: () => void;
}

export interface MqttConnection {
  readonly connected: boolean;
  /**
   * QoS 0: resolves when handed to the socket. QoS 1: when the broker has acknowledged. Rejects with
   * {@link MqttNotConnected} when there is no connection or it breaks before: nothing is queued here, the caller's
   * journal or inbox is the queue.
   */
  publish(topic: string, payload: Uint8Array | string, options?: PublishOptions): Promise<void>;
  /** Resolves when the broker has granted the subscription (now or at the next connection), rejects when it refuses. */
  subscribe(filter: string, handler: MqttHandler): Promise<void>;
  /** Forgets a filter and its handlers; the broker is told if there is one. A subscription that waits is left waiting. */
  unsubscribe(filter: string): Promise<void>;
  /** Resolves when the broker has answered a ping that is sent now; rejects with {@link MqttNotConnected} when it cannot any more. */
  answered(): Promise<void>;
  /** Called after each connection, subscriptions granted; at once when connected. Returns a function that forgets. */
  onConnected(callback: () => void): () => void;
  /** Called each time a connection is lost. Returns a function that forgets. */
  onLost(callback: () => void): () => void;
  /** Resolves at the next (or present) connection; rejects when the connection is stopped before. */
  whenConnected(): Promise<void>;
  /** Ends the wait for the next try, if there is one: somebody knows that the way is open, or cannot wait. */
  hurry(): void;
  /** Leaves politely (the will is not published) and stops trying. May be called twice. */
  stop(): Promise<void>;
}

/** There is no connection to the broker at present. */
export class MqttNotConnected extends Error {
  constructor(why: string) {
    super(`not connected to the MQTT broker: ${why}`);
    this.name = 'MqttNotConnected';
  }
}

/** A few services: they may come back fast. A fleet brings its own. */
const BACKOFF: Backoff = { firstMs: 250, maxMs: 10_000 };
/** Long enough for a broker that greets a whole fleet: a handshake that is given up is work done in vain. */
const CONNECT_MS_MAX = 10_000;
/** A connection that is lost sooner counts as one more failure: two clients of one id push each other off for ever. */
const STEADY_MS = 2_000;
const GOODBYE_MS_MAX = 2_000;
const KEEPALIVE_S = 30;

interface Subscription {
  readonly filter: string;
  readonly handler: MqttHandler;
  readonly granted: PromiseWithResolvers<void>;
}

/** Starts connecting and returns at once. */
export function connectMqtt(options: MqttOptions): MqttConnection {
  return new Connection(options);
}

class Connection implements MqttConnection {
  readonly #options: MqttOptions;
  readonly #log: Logger;
  #subscriptions: Subscription[] = [];
  readonly #connectedCallbacks = new Set<() => void>();
  readonly #lostCallbacks = new Set<() => void>();
  readonly #stopped = Promise.withResolvers<never>();
  #client: mqtt.MqttClient | undefined;
  #lost = Promise.withResolvers<never>();
  #ready = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #handshake: AbortController | undefined;
  #steady: NodeJS.Timeout | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: MqttOptions) {
    this.#options = options;
    this.#log = options.log;
    this.#stopped.promise.catch(() => {});
    this.#connect();
  }

  get connected(): boolean {
    return this.#ready;
  }

  async publish(topic: string, payload: Uint8Array | string, options: PublishOptions = {}): Promise<void> {
    const client = this.#client;
    if (client === undefined || !this.#ready) throw new MqttNotConnected('nothing was sent');
    const body = typeof payload === 'string' ? payload : asBuffer(payload);
    const sent = new Promise<void>((resolve, reject) => {
      const { qos = 0, retain = false, onAcknowledged } = options;
      client.publish(topic, body, { qos, retain }, (error) => {
        if (error) return reject(error);
        onAcknowledged?.();
        resolve();
      });
    });
    sent.catch(() => {}); // the race may be over when it fails
    await Promise.race([sent, this.#lost.promise]);
  }

  subscribe(filter: string, handler: MqttHandler): Promise<void> {
    const subscription: Subscription = { filter, handler, granted: Promise.withResolvers() };
    subscription.granted.promise.catch(() => {}); // a refusal nobody waits for is in the log
    this.#subscriptions.push(subscription);
    const client = this.#client;
    if (this.#ready && client !== undefined) void this.#ask(client, subscription).then((settle) => settle());
    return Promise.race([subscription.granted.promise, this.#stopped.promise]);
  }

  async unsubscribe(filter: string): Promise<void> {
    this.#subscriptions = this.#subscriptions.filter((subscription) => subscription.filter !== filter);
    const client = this.#client;
    if (client?.connected) await Promise.race([client.unsubscribeAsync(filter), this.#lost.promise]);
  }

  async answered(): Promise<void> {
    const client = this.#client;
    if (client === undefined || !this.#ready) throw new MqttNotConnected('nothing was asked');
    const { promise, resolve } = Promise.withResolvers<void>();
    const hear = ({ cmd }: { readonly cmd: string }): void => {
      if (cmd === 'pingresp') resolve();
    };
    client.on('packetreceive', hear);
    client.sendPing();
    await Promise.race([promise, this.#lost.promise]).finally(() => client.off('packetreceive', hear));
  }

  onConnected(callback: () => void): () => void {
    this.#connectedCallbacks.add(callback);
    if (this.#ready) callback();
    return () => void this.#connectedCallbacks.delete(callback);
  }

  onLost(callback: () => void): () => void {
    this.#lostCallbacks.add(callback);
    return () => void this.#lostCallbacks.delete(callback);
  }

  whenConnected(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const forget = this.onConnected(resolve);
    return Promise.race([promise, this.#stopped.promise]).finally(forget);
  }

  hurry(): void {
    if (this.#retry === undefined || this.#stopping !== undefined) return;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#connect();
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  async #leave(): Promise<void> {
    clearTimeout(this.#retry);
    clearTimeout(this.#steady);
    this.#handshake?.abort();
    const client = this.#client;
    this.#ready = false;
    this.#stopped.reject(new MqttNotConnected('the connection was stopped'));
    if (client === undefined) return;
    const timer = setTimeout(() => client.end(true), GOODBYE_MS_MAX);
    await client.endAsync(!client.connected);
    clearTimeout(timer);
  }

  #connect(): void {
    const { url } = this.#options;
    if (!url.startsWith('mqtts:')) {
      this.#speak();
      return;
    }
    // TLS first: nothing of MQTT is said before the broker has proven to be the city's.
    const { hostname: host, port } = new URL(url);
    this.#handshake = new AbortController();
    const { signal } = this.#handshake;
    void this.#greet({ host, port: Number(port || 8883), timeoutMs: CONNECT_MS_MAX, signal });
  }

  async #greet(target: TlsTarget & { readonly signal: AbortSignal }): Promise<void> {
    try {
      const socket = await connectPinned(target, this.#options.tls?.());
      if (target.signal.aborted) socket.destroy();
      else this.#speak(socket);
    } catch (error) {
      if (!target.signal.aborted) this.#tryLater((error as Error).message);
    }
  }

  #speak(socket?: TLSSocket): void {
    const { url, clientId, secret, will } = this.#options;
    const options: mqtt.IClientOptions = {
      clientId,
      ...(secret === undefined || socket !== undefined ? {} : { username: clientId, password: secret }),
      protocolVersion: 4,
      clean: true,
      keepalive: KEEPALIVE_S,
      connectTimeout: CONNECT_MS_MAX,
      reconnectPeriod: 0, // our own waits, with chance in them: a thousand validators must not come back in step
      resubscribe: false,
      queueQoSZero: false,
      ...(will ? { will: { ...will, payload: asBuffer(will.payload) } } : {}),
    };
    const client =
      socket === undefined ? mqtt.connect(url, options) : new mqtt.MqttClient(() => socket, options);
    this.#client = client;
    this.#lost = Promise.withResolvers();
    this.#lost.promise.catch(() => {});
    let problem = 'the broker closed the connection';
    // Whether TLS 1.3 takes our certificate is only heard after the handshake, as an error of the socket.
    socket?.on('error', (error) => {
      problem = error.message;
    });
    client.on('error', (error) => {
      problem = error.message || error.name;
    });
    client.on('connect', () => void this.#welcome(client));
    client.on('message', (topic, payload, packet) => this.#dispatch(topic, payload, packet.retain));
    client.once('close', () => this.#closed(client, problem));
  }

  /** Connected: subscribe first, then tell. */
  async #welcome(client: mqtt.MqttClient): Promise<void> {
    const socket = client.stream as { setNoDelay?: (on: boolean) => void };
    socket.setNoDelay?.(true);
    const settles: (() => void)[] = [];
    // More may be asked for, or forgotten, while these are answered: go on until all are through.
    const asked = new Set<Subscription>();
    for (;;) {
      const next = this.#subscriptions.filter((subscription) => !asked.has(subscription));
      if (next.length === 0) break;
      for (const subscription of next) asked.add(subscription);
      settles.push(...(await Promise.all(next.map((subscription) => this.#ask(client, subscription)))));
    }
    if (this.#client !== client || !client.connected || this.#stopping !== undefined) return;
    if (this.#failures > 0) this.#log.info({ tries: this.#failures }, 'mqtt.reconnected');
    this.#steady = setTimeout(() => (this.#failures = 0), STEADY_MS);
    this.#steady.unref();
    this.#ready = true;
    for (const settle of settles) settle();
    for (const callback of [...this.#connectedCallbacks]) callback();
  }

  /** Asks the broker; the answer is handed to the waiting caller by the function returned, once we are ready. */
  async #ask(client: mqtt.MqttClient, { filter, granted }: Subscription): Promise<() => void> {
    try {
      const grants = await client.subscribeAsync(filter, { qos: 1 });
      if (grants.some((grant) => grant.qos >= 128)) throw new Error('the broker refuses this subscription');
      return () => granted.resolve();
    } catch (error) {
      if (!client.connected) return () => {}; // the next connection asks again
      this.#log.error({ filter, err: (error as Error).message }, 'mqtt.subscribe-refused');
      return () => granted.reject(error);
    }
  }

  #dispatch(topic: string, payload: Uint8Array, retain: boolean): void {
    for (const { filter, handler } of this.#subscriptions) {
      if (!topicMatches(filter, topic)) continue;
      void this.#handle(handler, topic, payload, retain);
    }
  }

  async #handle(handler: MqttHandler, topic: string, payload: Uint8Array, retain: boolean): Promise<void> {
    try {
      await handler(topic, payload, { retain });
    } catch (err) {
      this.#log.error({ err, topic }, 'mqtt.handler-failed');
    }
  }

  #closed(client: mqtt.MqttClient, problem: string): void {
    if (this.#client !== client) return;
    const wasReady = this.#ready;
    clearTimeout(this.#steady);
    this.#ready = false;
    this.#client = undefined;
    this.#lost.reject(new MqttNotConnected(problem));
    if (wasReady) for (const callback of [...this.#lostCallbacks]) callback();
    if (this.#stopping !== undefined) return;
    client.end(true);
    this.#tryLater(problem);
  }

  #tryLater(problem: string): void {
    this.#failures += 1;
    const level = this.#failures === 1 ? 'warn' : 'debug'; // one line for an outage, not one for each try
    this.#log[level]({ problem, tries: this.#failures }, 'mqtt.lost');
    const waitMs = backoffMs(this.#options.backoff ?? BACKOFF, this.#failures, Math.random());
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      this.#connect();
    }, waitMs);
  }
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Whether an MQTT filter (`+`, `#`, `$share/<group>/…`) takes a topic. */
export function topicMatches(filter: string, topic: string): boolean {
  const levels = filter.split('/');
  const wanted = levels[0] === '$share' ? levels.slice(2) : levels;
  const given = topic.split('/');
  // MQTT 3.1.1, 4.7.2: a wildcard in the first place does not take topics of the server itself ($SYS).
  if (topic.startsWith('$') && (wanted[0] === '#' || wanted[0] === '+')) return false;
  for (const [index, level] of wanted.entries()) {
    if (level === '#') return true;
    if (index >= given.length || (level !== '+' && level !== given[index])) return false;
  }
  return wanted.length === given.length;
}
