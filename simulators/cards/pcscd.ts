/**
 * A PC/SC daemon of our own with a virtual reader, for tests and for `kvytok tap`: Debian's pcscd with the vpcd driver,
 * in a mount namespace where its `/run` is a folder of ours. It shares neither socket, port nor readers with a pcscd
 * that the machine may run already, and nothing outside the folder is changed.
 *
 * vpcd listens on every interface (the driver knows no other way), and whoever reaches its port can play a card: this
 * is for development machines.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { OperatorError } from '#platform/errors.ts';
import { VPCD_PORT } from './vpcd-card.ts';

const PCSCD = '/usr/sbin/pcscd';
const DRIVER = '/usr/lib/pcsc/drivers/serial/libifdvpcd.so';
/** Where the machine's own pcscd listens. */
const SYSTEM_SOCKET = '/run/pcscd/pcscd.comm';
/** A daemon that cannot start ends, and is then not waited for; one that has not said so yet may be on a busy machine. */
const READY_MS_MAX = 60_000;
const LOG_LINES_MAX = 20;
const PORT_ATTEMPTS_MAX = 5;

/** A virtual reader: where cards are inserted, and where PC/SC clients find its daemon. */
export interface VirtualReader {
  readonly vpcdPort: number;
  /** For `PCSCLITE_CSOCK_NAME` of the client; `undefined` when it is the machine's own daemon. */
  readonly socketPath: string | undefined;
  /** Stops the daemon if it is ours and removes its folder. */
  stop(): Promise<void>;
}

/** A daemon of ours. */
export interface PrivatePcscd extends VirtualReader {
  readonly socketPath: string;
  readonly pid: number;
  /** Kills it as a crash would (SIGKILL); fulfilled when it is dead. */
  kill(): Promise<void>;
  /** Starts it again after {@link kill}, with the same socket and port. */
  startAgain(): Promise<void>;
}

/** Debian packages that are missing for a virtual reader; empty when all is there. */
export function missingPackages(): string[] {
  const missing = existsSync(PCSCD) ? [] : ['pcscd'];
  return existsSync(DRIVER) ? missing : [...missing, 'vsmartcard-vpcd'];
}

/**
 * A virtual reader to insert cards into: the machine's own when its pcscd runs with vpcd and its port is free to use,
 * otherwise a private one. Throws OperatorError with the line to type when neither can be had.
 */
export async function openVirtualReader(): Promise<VirtualReader> {
  if (existsSync(SYSTEM_SOCKET) && listensOn(VPCD_PORT))
    return { vpcdPort: VPCD_PORT, socketPath: undefined, stop: async () => {} };
  return startPrivatePcscd();
}

/** Starts a daemon of our own on a free port; about 0.1 s. */
export async function startPrivatePcscd(): Promise<PrivatePcscd> {
  requirePackages();
  const dir = mkdtempSync(join(tmpdir(), 'kvytok-pcscd-'));
  for (let attempt = 1; ; attempt++) {
    const port = await freePortPair();
    const started = await launch(dir, port);
    if (started.ok) return wrap(dir, port, started.process);
    if (started.why !== 'port-taken' || attempt === PORT_ATTEMPTS_MAX) {
      rmSync(dir, { recursive: true, force: true });
      throw notStarted(started.log);
    }
  }
}

function wrap(dir: string, port: number, first: ChildProcess): PrivatePcscd {
  let current = first;
  return {
    vpcdPort: port,
    socketPath: join(dir, 'run/pcscd/pcscd.comm'),
    get pid() {
      return current.pid as number;
    },
    kill: () => end(current, 'SIGKILL'),
    startAgain: async () => {
      const started = await launch(dir, port);
      if (!started.ok) throw notStarted(started.log);
      current = started.process;
    },
    stop: async () => {
      await end(current, 'SIGTERM');
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

type Launch =
  | { readonly ok: true; readonly process: ChildProcess }
  | { readonly ok: false; readonly why: 'port-taken' | 'failed'; readonly log: string[] };

/** Runs pcscd in the folder and waits for its word that it is ready. */
async function launch(dir: string, port: number): Promise<Launch> {
  prepareFolder(dir, port);
  // unshare, sh and setpriv each become the next program, so the process id stays; with its parent gone, it ends too.
  const script = `mount --bind "$1/run" /run && exec setpriv --pdeathsig TERM ${PCSCD} -f --info -c "$1/conf"`;
  const namespaces = process.getuid?.() === 0 ? '-m' : '-rm';
  const child = spawn('unshare', [namespaces, 'sh', '-c', script, 'sh', dir], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
  });
  const log: string[] = [];
  const ready = await untilReady(child, log);
  const listening = log.some((line) => line.includes(`port ${port}`));
  if (ready && listening) return { ok: true, process: child };
  await end(child, 'SIGTERM');
  return { ok: false, why: ready ? 'port-taken' : 'failed', log };
}

function prepareFolder(dir: string, port: number): void {
  rmSync(join(dir, 'run'), { recursive: true, force: true });
  mkdirSync(join(dir, 'run/pcscd'), { recursive: true });
  mkdirSync(join(dir, 'conf'), { recursive: true });
  const hex = `0x${port.toString(16).toUpperCase()}`;
  const lines = [
    'FRIENDLYNAME "Virtual PCD"',
    `DEVICENAME /dev/null:${hex}`,
    `LIBPATH ${DRIVER}`,
    `CHANNELID ${hex}`,
  ];
  writeFileSync(join(dir, 'conf/vpcd'), `${lines.join('\n')}\n`);
}

/** True at "daemon ready", false when the process ended or took too long. Its lines go on being read afterwards. */
function untilReady(child: ChildProcess, log: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => resolve(false), READY_MS_MAX);
    const settle = (ready: boolean): void => {
      clearTimeout(timer);
      resolve(ready);
    };
    for (const stream of [child.stdout, child.stderr]) {
      if (!stream) continue;
      createInterface({ input: stream }).on('line', (line) => {
        log.push(line);
        if (log.length > LOG_LINES_MAX) log.shift();
        if (line.includes('daemon ready')) settle(true);
      });
    }
    child.once('error', () => settle(false));
    child.once('close', () => settle(false));
  });
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill(signal);
  await ended;
}

/** A free port whose successor is free too: vpcd opens one for each of its two slots. */
async function freePortPair(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt++) {
    const first = await tryPort(0);
    if (first !== undefined && first < 65_535 && (await tryPort(first + 1)) !== undefined) return first;
  }
  throw new OperatorError({
    code: 'NO_FREE_PORT',
    happened: 'No two neighbouring free ports were found for the virtual card reader.',
    kept: 'Nothing was changed.',
    todo: 'Close programs that hold many ports and try again.',
  });
}

/** Opens and closes a port; gives its number, or `undefined` when it is taken. */
async function tryPort(port: number): Promise<number | undefined> {
  const server = createServer();
  try {
    server.listen(port, '0.0.0.0');
    await once(server, 'listening');
    const address = server.address();
    return typeof address === 'object' ? address?.port : undefined;
  } catch {
    return undefined;
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
}

/** Whether a local TCP port is listened on, without connecting: a connection would be a card. */
function listensOn(port: number): boolean {
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  const rows = readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1);
  return rows.some((row) => {
    const [, local, , state] = row.trim().split(/\s+/);
    return local?.endsWith(wanted) === true && state === '0A';
  });
}

function requirePackages(): void {
  const missing = missingPackages();
  if (missing.length === 0) return;
  throw new OperatorError({
    code: 'PCSC_MISSING',
    happened: `This machine has no virtual card reader: ${missing.join(' and ')} not installed.`,
    kept: 'Nothing was changed.',
    todo: `Install and try again: apt-get install -y ${missing.join(' ')}`,
  });
}

function notStarted(log: readonly string[]): OperatorError {
  return new OperatorError({
    code: 'PCSC_NOT_STARTED',
    happened: `A private pcscd did not start: ${log.slice(-3).join(' | ') || 'it said nothing'}.`,
    kept: 'Nothing was changed.',
    todo: 'It needs leave to make a mount namespace (root, or user namespaces). As root, start the machine’s own: pcscd',
  });
}
