/** The agent as a process of its own: how long it takes to be ready, and what it then holds of memory. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const KVYTOK = fileURLToPath(new URL('../kvytok.ts', import.meta.url));
const STOP_MS_MAX = 10_000;

export interface ProcessFigures {
  /** From its start until it answers cards, milliseconds. */
  readonly readyMs: number;
  /** Resident memory of the agent once it is ready, without its reader process. */
  readonly residentMb: number;
}

/** Starts `kvytok edge` on a device folder and looks. Throws when it does not become ready. */
export async function startAndLook(deviceDir: string): Promise<ProcessFigures> {
  const began = performance.now();
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', KVYTOK, 'edge', '--device', deviceDir, '--events'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const ended = once(child, 'exit');
  try {
    const lines = createInterface({ input: child.stdout });
    const ready = once(lines, 'line').then(([line]) => String(line).includes('"ready"'));
    const isReady = await Promise.race([ready, ended.then(() => false)]);
    if (!isReady) throw new Error('kvytok edge did not become ready');
    const readyMs = performance.now() - began;
    const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
    const kb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]);
    return { readyMs, residentMb: kb / 1000 };
  } finally {
    child.kill('SIGTERM');
    const insist = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX);
    await ended;
    clearTimeout(insist);
  }
}
