/**
 * A wire that fails on command: a TCP proxy between one of our parts and another. What it does to a link is what
 * networks do to buses: cut it, reset it, delay it, make it narrow, let it hang half open, stop one side from reading.
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** `up` goes from whoever connected to the server behind the proxy, `down` comes back. */
export type Direction = 'up' | 'down';

/** How a wire behaves. */
export type WireWeather =
  | { readonly kind: 'fair' }
  /** Nobody gets through: connections are refused, and those that were there are closed. */
  | { readonly kind: 'cut' }
  /** Connections open and stay open, and nothing comes through: a network that vanished without a word. */
  | { readonly kind: 'half-open' }
  /** Every piece arrives this much later, each way. */
  | { readonly kind: 'slow'; readonly delayMs: number }
  /** So many bytes a second, each way. */
  | { readonly kind: 'narrow'; readonly bytesPerSecond: number }
  /** Whoever connected sends and does not read: what is meant for it piles up behind the proxy. */
  | { readonly kind: 'slow-reader' };

/** Rewrites what passes; made anew for each direction of each link. */
export interface Filter {
  /** Takes bytes from the wire and gives those that go on. */
  take(bytes: Buffer): readonly Buffer[];
}

export interface TcpProxyOptions {
  readonly target: { readonly host: string; readonly port: number };
  /** The port to listen on; a free one by default. */
  readonly port?: number;
  /** Sees every link that is opened. `send` puts bytes of its own on the link, `direction` says where they go. */
  readonly openFilters?: (send: (direction: Direction, bytes: Buffer) => void) => Record<Direction, Filter>;
}

export interface TcpProxy {
  readonly port: number;
  /** Links that are open now. */
  links(): number;
  /** Links opened since the start. */
  opened(): number;
  weather(): WireWeather;
  /** Changes the weather; a hanging or cut wire that turns fair is one on which everybody has to connect anew. */
  turn(weather: WireWeather): void;
  /** Resets every link (RST), once; new ones are let through. */
  reset(): void;
  stop(): Promise<void>;
}

const FAIR: WireWeather = { kind: 'fair' };
/** Bytes that one direction of a link may hold back before it stops reading. */
const HELD_BYTES_MAX = 1024 * 1024;

/** Starts a proxy on loopback. */
export async function startTcpProxy(options: TcpProxyOptions): Promise<TcpProxy> {
  const links = new Set<Link>();
  let weather = FAIR;
  let opened = 0;
  const server = createServer({ allowHalfOpen: true }, (near) => {
    if (weather.kind === 'cut') {
      near.resetAndDestroy();
      return;
    }
    opened += 1;
    const link = new Link(near, options, () => weather);
    links.add(link);
    void link.closed.then(() => links.delete(link));
  });
  await listen(server, options.port ?? 0);
  const address = server.address();
  return {
    port: typeof address === 'object' && address !== null ? address.port : 0,
    links: () => links.size,
    opened: () => opened,
    weather: () => weather,
    turn(next) {
      const dead = weather.kind === 'half-open' || next.kind === 'cut';
      weather = next;
      for (const link of links) dead ? link.destroy() : link.pump();
    },
    reset() {
      for (const link of links) link.destroy();
    },
    async stop() {
      server.close();
      for (const link of links) link.destroy();
      await once(server, 'close');
    },
  };
}

async function listen(server: Server, port: number): Promise<void> {
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
}

/** One connection through the proxy. */
class Link {
  readonly closed: Promise<void>;
  readonly #sockets: readonly [Socket, Socket];
  readonly #lanes: readonly [Lane, Lane];

  constructor(near: Socket, options: TcpProxyOptions, weather: () => WireWeather) {
    const far = connect({ ...options.target, allowHalfOpen: true });
    this.#sockets = [near, far];
    const done = Promise.withResolvers<void>();
    this.closed = done.promise;
    for (const socket of this.#sockets) {
      socket.setNoDelay(true);
      socket.on('error', () => this.destroy());
      socket.on('close', () => {
        this.destroy();
        done.resolve();
      });
    }
    const filters = options.openFilters?.((direction, bytes) => {
      (direction === 'up' ? up : down).put(bytes);
    });
    const up: Lane = new Lane(near, far, 'up', weather, filters?.up);
    const down: Lane = new Lane(far, near, 'down', weather, filters?.down);
    this.#lanes = [up, down];
  }

  pump(): void {
    for (const lane of this.#lanes) lane.pump();
  }

  destroy(): void {
    for (const lane of this.#lanes) lane.stop();
    for (const socket of this.#sockets) if (!socket.destroyed) socket.resetAndDestroy();
  }
}

/** One direction of a link: a queue of pieces with the time at which each is due. */
class Lane {
  readonly #source: Duplex;
  readonly #sink: Duplex;
  readonly #direction: Direction;
  readonly #weather: () => WireWeather;
  readonly #queue: { dueMs: number; bytes: Buffer }[] = [];
  #held = 0;
  #lastDueMs = 0;
  #ended = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(
    source: Duplex,
    sink: Duplex,
    direction: Direction,
    weather: () => WireWeather,
    filter: Filter | undefined,
  ) {
    this.#source = source;
    this.#sink = sink;
    this.#direction = direction;
    this.#weather = weather;
    source.on('data', (bytes: Buffer) => {
      for (const piece of filter?.take(bytes) ?? [bytes]) this.put(piece);
    });
    source.on('end', () => {
      this.#ended = true;
      this.pump();
    });
    sink.on('drain', () => this.pump());
  }

  /** Puts a piece at the end of the queue. */
  put(bytes: Buffer): void {
    const weather = this.#weather();
    const nowMs = performance.now();
    let dueMs = nowMs;
    if (weather.kind === 'slow') dueMs = nowMs + weather.delayMs;
    if (weather.kind === 'narrow')
      dueMs = Math.max(nowMs, this.#lastDueMs) + (bytes.byteLength * 1000) / weather.bytesPerSecond;
    this.#lastDueMs = dueMs;
    this.#queue.push({ dueMs, bytes });
    this.#held += bytes.byteLength;
    this.pump();
  }

  /** Sends what is due now, and comes back for the rest. */
  pump(): void {
    clearTimeout(this.#timer);
    const { kind } = this.#weather();
    const stalled = kind === 'half-open' || (kind === 'slow-reader' && this.#direction === 'down');
    const timed = kind === 'slow' || kind === 'narrow';
    while (!stalled && this.#queue.length > 0 && !this.#sink.writableNeedDrain) {
      const [next] = this.#queue as [{ dueMs: number; bytes: Buffer }];
      const waitMs = timed ? next.dueMs - performance.now() : 0;
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.pump(), waitMs);
        break;
      }
      this.#queue.shift();
      this.#held -= next.bytes.byteLength;
      if (!this.#sink.destroyed) this.#sink.write(next.bytes);
    }
    if (this.#held >= HELD_BYTES_MAX || this.#sink.writableNeedDrain) this.#source.pause();
    else this.#source.resume();
    if (this.#ended && this.#queue.length === 0 && !stalled) this.#sink.end();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#queue.length = 0;
  }
}
