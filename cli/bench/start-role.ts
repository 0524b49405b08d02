/** Starts {@link file://./role-process.ts} and waits until it is ready. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { RoleName } from '../roles.ts';

export interface RoleProcess {
  /** What it listens on, `-` where it does not. */
  readonly address: string;
  stop(): Promise<void>;
}

const PROGRAM = fileURLToPath(new URL('./role-process.ts', import.meta.url));
const STOP_MS_MAX = 20_000;

/** Starts a role with exactly this environment. @throws when it ends before it is ready, with what it said. */
export async function startRoleProcess(
  role: RoleName,
  env: Readonly<Record<string, string>>,
  shiftMs: number,
): Promise<RoleProcess> {
  const child = fork(PROGRAM, [role, String(shiftMs)], { env, stdio: ['ignore', 'pipe', 'pipe', 'ipc'] });
  const ended = once(child, 'exit');
  let said = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-2000)));
  const { promise: ready, resolve } = Promise.withResolvers<string>();
  let line = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    line += text;
    const match = /^ready (\S+)$/m.exec(line);
    if (match) resolve(match[1] as string);
  });
  const died = ended.then(() => Promise.reject(new Error(`${role} ended before it was ready: ${said}`)));
  died.catch(() => {});
  return {
    address: await Promise.race([ready, died]),
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
      await ended;
      clearTimeout(timer);
    },
  };
}
