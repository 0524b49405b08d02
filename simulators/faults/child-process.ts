/** Child processes of a fault run: started, watched, ended by their own id. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

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

/**
 * What every child is given: a dozen processes that each compile the same sources would take most of a test's time.
 */
export const CHILD_ENV: Readonly<Record<string, string>> = {
  PATH: process.env['PATH'] ?? '',
  NODE_COMPILE_CACHE:
    process.env['NODE_COMPILE_CACHE'] ??
    fileURLToPath(new URL('../../node_modules/.cache/kvytok', import.meta.url)),
};

export interface ChildOrder {
  /** A TypeScript file, run under this Node. */
  readonly file: URL;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  /** Arguments for Node itself. */
  readonly nodeArgs?: readonly string[];
  /** A program with its arguments that runs Node in its own place (`exec`), e.g. `strace -D`. */
  readonly under?: readonly string[];
  /** Each line of stdout but `ready`. */
  readonly onLine?: (line: string) => void;
}

/** Starts a child process. */
export function startChild(order: ChildOrder): TestChild {
  const { file, args, nodeArgs = [], under = [], onLine = () => {} } = order;
  const command = [
    ...under,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    ...nodeArgs,
    fileURLToPath(file),
    ...args,
  ];
  const child = spawn(command[0] as string, command.slice(1), {
    env: { ...CHILD_ENV, ...order.env },
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
