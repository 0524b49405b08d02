/** Runs the `kvytok` command as a person would: a process of its own, its output collected. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './until.ts';

export interface KvytokRun {
  readonly process: ChildProcess;
  /** Everything printed so far. */
  stdout(): string;
  stderr(): string;
  /** Waits for a text on stdout. */
  printed(text: string, withinMs?: number): Promise<void>;
  /** Exit code, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

const BIN = fileURLToPath(new URL('../../bin/kvytok.mjs', import.meta.url));

/** Starts the command through its bin file. */
export function runKvytok(args: readonly string[], env: Record<string, string> = {}): KvytokRun {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('KVYTOK_'));
  const child = spawn(process.execPath, [BIN, ...args], {
    env: { ...Object.fromEntries(clean), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (out += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (err += text));
  let over = false;
  const ended = once(child, 'close').then(([code, signal]) => {
    over = true;
    return (signal ?? code) as number | NodeJS.Signals;
  });
  return {
    process: child,
    stdout: () => out,
    stderr: () => err,
    ended,
    // One that ends is not waited for; how long one takes that goes on is not for a test to say.
    printed: async (text, withinMs = 240_000) => {
      await until(() => out.includes(text) || over, { withinMs, what: `"${text}" on stdout` });
      if (!out.includes(text)) throw new Error(`ended without printing "${text}"\n${out}\n${err}`);
    },
  };
}
