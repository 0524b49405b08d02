/**
 * A socket with the byte limiter in front: what comes out of it has passed the limits, and what is written to it
 * waits in a bounded buffer. Dropping one client touches no other.
 */
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import type { Clock } from '#platform/clock.ts';
import { fairTimeout } from '#platform/fair-timeout.ts';
import { type ByteLimits, type ByteRefusal, createByteLimiter } from '../byte-limiter.ts';
import type { ProvenCertificate } from '../identity.ts';

export type ConnectionRefusal = ByteRefusal | 'CONNECT_LATE';

export interface GuardLimits extends ByteLimits {
  readonly connectMsMax: number;
  readonly unreadBytesMax: number;
}

export interface GuardEvents {
  /** Called once, just before the connection is dropped. */
  onRefused(reason: ConnectionRefusal): void;
  /** The connection was read more slowly for a while. */
  onThrottled(waitMs: number): void;
}

export interface GuardedConnection extends Duplex {
  /** Address of the other side, for reports. */
  readonly address: string;
  /** What TLS has proven of the client; absent without TLS. */
  readonly certificate: ProvenCertificate | undefined;
  /** To be called when the login holds: full packet size from now on. */
  loggedIn(metered: boolean): void;
}

/** Puts the guard around a socket. */
export function guardConnection(
  socket: Socket,
  limits: GuardLimits,
  clock: Clock,
  events: GuardEvents,
): GuardedConnection {
  const limiter = createByteLimiter(limits);
  let resumeTimer: NodeJS.Timeout | undefined;
  let wanted = true;

  const duplex = new Duplex({
    allowHalfOpen: false,
    writableHighWaterMark: limits.unreadBytesMax,
    read() {
      wanted = true;
      if (resumeTimer === undefined) socket.resume();
    },
    write: (chunk, _encoding, done) => void socket.write(chunk, done),
    writev(chunks, done) {
      socket.cork();
      chunks.forEach(({ chunk }, i) => void socket.write(chunk, i === chunks.length - 1 ? done : undefined));
      socket.uncork();
    },
    final(done) {
      socket.end(done);
    },
    destroy(error, done) {
      connectLimit.cancel();
      clearTimeout(resumeTimer);
      socket.destroy();
      done(error);
    },
  });

  const drop = (reason: ConnectionRefusal): void => {
    if (duplex.destroyed) return;
    events.onRefused(reason);
    duplex.destroy();
  };
  // CONNECT must come whole in time: bytes that trickle in do not prolong it. A fleet whose CONNECTs wait in the sockets of
  // a broker that stood still has been in time.
  const connectLimit = fairTimeout(limits.connectMsMax, () => limiter.connectSeen || drop('CONNECT_LATE'));

  const pauseFor = (waitMs: number): void => {
    events.onThrottled(waitMs);
    socket.pause();
    resumeTimer = setTimeout(() => {
      resumeTimer = undefined;
      if (wanted) socket.resume();
    }, waitMs);
  };
  socket.on('data', (chunk: Buffer) => {
    const verdict = limiter.accept(chunk, clock.monotonicMs());
    if (!verdict.ok) return drop(verdict.reason);
    wanted = duplex.push(chunk);
    if (!wanted) socket.pause();
    if (verdict.waitMs > 0) pauseFor(verdict.waitMs);
  });
  socket.on('end', () => duplex.push(null));
  socket.on('error', () => duplex.destroy());
  socket.on('close', () => duplex.destroy());

  return Object.assign(duplex, {
    address: socket.remoteAddress ?? 'gone',
    certificate: provenBy(socket),
    loggedIn: (metered: boolean) => limiter.loggedIn(metered),
  });
}

/** The listener lets no TLS connection through whose certificate does not lead to the city's authority. */
function provenBy(socket: Socket): ProvenCertificate | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  const { subject, serialNumber } = socket.getPeerCertificate();
  return { name: String(subject?.CN ?? ''), serial: String(serialNumber ?? '').toLowerCase() };
}
