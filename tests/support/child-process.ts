/** Child processes of a test: started, watched, ended by their own id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface TestChild {
  readonly pid: number;
  /** Resolves when the child has printed `ready`; rejects with what it wrote to stderr when it ends before. */
  readonly ready: Promise<void>;
  /** How it ended: the signal, or the exit code. */
  readonly ended: Promise<NodeJS.Signals | number>;
  /** SIGTERM, then waits. */
  stop(): Promise<NodeJS.Signals | number>;
  /** SIGKILL, then waits. */
  kill(): Promise<NodeJS.Signals | number>;
  /** Last lines of stderr, for messages of failing tests. */
  errors(): string;
}

const ERROR_LINES_KEPT = 40;

/** Runs a TypeScript file under this Node. Each line of stdout but `ready` goes to `onLine`. */
export function startChild(
  file: URL,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  onLine: (line: string) => void = () => {},
): TestChild {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file.pathname, ...args], {
    env: { PATH: process.env['PATH'] ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const errorLines: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    errorLines.push(line);
    if (errorLines.length > ERROR_LINES_KEPT) errorLines.shift();
  });
  const ended = endOf(child);
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'ready') resolve();
      else onLine(line);
    });
    void ended.then((how) =>
      reject(new Error(`ended by ${how} before it was ready\n${errorLines.join('\n')}`)),
    );
  });
  ready.catch(() => {}); // Whoever awaits it hears of it; nobody has to.
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) child.kill(name);
    return ended;
  };
  return {
    pid: child.pid as number,
    ready,
    ended,
    stop: () => signal('SIGTERM'),
    kill: () => signal('SIGKILL'),
    errors: () => errorLines.join('\n'),
  };
}

async function endOf(child: ChildProcess): Promise<NodeJS.Signals | number> {
  // `close` comes after the last line was read, `exit` may come before.
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  return signal ?? code ?? -1;
}
