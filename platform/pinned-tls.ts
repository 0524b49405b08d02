/**
 * TLS 1.3 towards a server of the city: believed is the one authority that is pinned, and no other of the machine's.
 */
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';

/** Whom to believe, and what to prove oneself with; PEM. */
export interface TlsIdentity {
  /** Certificate of the authority. */
  readonly ca: string;
  /** Own certificate with its key; a client that has none yet gives neither. */
  readonly cert?: string;
  readonly key?: string;
}

export interface TlsTarget {
  readonly host: string;
  readonly port: number;
  /** Longest wait for the handshake, milliseconds. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Connects and checks the server; resolves when it has proven to be the city's.
 * @throws when there is no authority to check it by, it cannot be reached in time, or it is another.
 */
export async function connectPinned(target: TlsTarget, tls: TlsIdentity | undefined): Promise<TLSSocket> {
  if (tls === undefined) throw new Error('there is no certificate authority to check the server by');
  return open(target, tls);
}

/** Connects to a server that proves nothing: for fetching what is checked by its hash, and for nothing else. */
export function connectUnproven(target: TlsTarget): Promise<TLSSocket> {
  return open(target, undefined);
}

async function open(target: TlsTarget, tls: TlsIdentity | undefined): Promise<TLSSocket> {
  const host = target.host.replace(/^\[|\]$/g, '');
  const socket = connect({
    host,
    port: target.port,
    ...(isIP(host) === 0 && { servername: host }),
    ...tls,
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false, // checked below, with the one exception that is made
  });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = (): void => reject(new Error('the connection was given up'));
  socket.once('secureConnect', () => resolve());
  socket.once('error', reject);
  socket.once('close', () => reject(new Error('the server closed the connection')));
  target.signal?.addEventListener('abort', abort, { once: true });
  const timer = setTimeout(() => reject(new Error('the server did not answer in time')), target.timeoutMs);
  try {
    await promise;
    const problem = tls && problemOf(socket, host, tls);
    if (problem !== undefined) throw new Error(`the server is not the city's: ${problem}`);
    socket.setNoDelay(true);
    return socket;
  } catch (error) {
    socket.on('error', () => {}); // what comes after the verdict
    socket.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
    target.signal?.removeEventListener('abort', abort);
  }
}

function problemOf(socket: TLSSocket, host: string, tls: TlsIdentity): string | undefined {
  if (socket.authorized) return undefined;
  const problem = String(socket.authorizationError);
  if (problem !== 'CERT_NOT_YET_VALID' || !ownClockIsWrong(tls)) return problem;
  // A validator that woke up in 1970 must be able to reach the city, or it never hears what time it is. Everything
  // but the date is checked.
  const server = socket.getPeerX509Certificate();
  if (!server?.verify(new X509Certificate(tls.ca).publicKey)) return 'another authority signed it';
  const named = isIP(host) === 0 ? server.checkHost(host) : server.checkIP(host);
  return named === undefined ? `its certificate does not name ${host}` : undefined;
}

/** A clock that stands before the birth of our own certificate is wrong for certain. */
function ownClockIsWrong({ cert }: TlsIdentity): boolean {
  return cert !== undefined && Date.now() < new X509Certificate(cert).validFromDate.getTime();
}
