/** A server program of a test: started, killed, started again, ended by its own id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { until } from '../../support/until.ts';

export interface ServerProcess {
  /** SIGKILL, then waits. */
  kill(): Promise<void>;
  /** Starts the process (again) with the same files; resolves when it listens. */
  restart(): Promise<void>;
  /** Resident memory of the process in bytes. */
  residentBytes(): number;
}

/** A process that listens on a port; `restart` resolves when it does. */
export function serverProcess(program: string, args: readonly string[], port: number): ServerProcess {
  let child: ChildProcess | undefined;
  let said = '';
  return {
    async restart() {
      // Service programs lie in sbin, which is not on everyone's PATH.
      const env = { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/sbin` };
      const started = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'], env });
      child = started;
      started.on('error', (error) => {
        said += error.message;
      });
      started.stderr.on('data', (chunk: Buffer) => {
        said = (said + chunk.toString()).slice(-4_000);
      });
      await until(() => accepts(port), { what: `${program} to listen` }).catch((error) => {
        throw new Error(`${(error as Error).message}\n${said}`);
      });
    },
    async kill() {
      const dying = child;
      child = undefined;
      if (dying === undefined || dying.exitCode !== null || dying.pid === undefined) return;
      const gone = once(dying, 'close');
      dying.kill('SIGKILL');
      await gone;
    },
    residentBytes: () => residentBytesOf(child?.pid),
  };
}

async function accepts(port: number): Promise<boolean> {
  const socket = connectTcp(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

/** VmRSS of a process, in bytes. */
export function residentBytesOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}
