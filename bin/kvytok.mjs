#!/usr/bin/env node
/**
 * The `kvytok` command. Plain JavaScript that an old Node can read: it finds the Node 24 that npm installed and hands
 * over to it, with TypeScript, signals and exit code. `--run FILE` runs another script of ours the same way.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const EX_UNAVAILABLE = 69; // sysexits.h: a needed service or part is not there

const root = dirname(dirname(fileURLToPath(import.meta.url))); // import.meta.url has links resolved
const [first, second, ...others] = process.argv.slice(2);
const isRun = first === '--run';
const script = isRun ? resolve(root, second ?? '') : join(root, 'cli', 'kvytok.ts');
const args = isRun ? others : process.argv.slice(2);

const node = findNode();
if (node === undefined) {
  process.stderr.write(
    `kvytok: its parts are not installed yet (Node 24 for ${process.platform}-${process.arch} is missing). Run: cd ${root} && npm ci\n`,
  );
  process.exit(EX_UNAVAILABLE);
}

const child = spawn(node, ['--disable-warning=ExperimentalWarning', script, ...args], {
  // The channel tells the child when this process is gone, even by kill -9 (cli/kvytok.ts).
  stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  env: {
    ...process.env,
    // Whatever we start by the name `node` is the same Node.
    PATH: [dirname(node), process.env['PATH']].filter(Boolean).join(delimiter),
    NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? join(root, 'node_modules', '.cache', 'kvytok'),
  },
});

// All are handed on. In a terminal Ctrl-C then comes twice, which the receiver takes for once (platform/shutdown.ts).
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('error', (error) => {
  process.stderr.write(`kvytok: Node 24 at ${node} did not start: ${error.message}. Run: npm ci\n`);
  process.exit(EX_UNAVAILABLE);
});
child.on('exit', (code, signal) => {
  process.exit(signal === null ? (code ?? 1) : 128 + (constants.signals[signal] ?? 0));
});

/** The pinned Node of this machine's kind; else this very Node when it is new enough and the parts are there. */
function findNode() {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve(
      `node-${process.platform}-${process.arch}/package.json`,
    );
    const { bin } = JSON.parse(readFileSync(manifest, 'utf8'));
    const path = join(dirname(manifest), typeof bin === 'string' ? bin : bin.node);
    if (existsSync(path)) return path;
  } catch {
    // not installed
  }
  const isNew = Number(process.versions.node.split('.')[0]) >= 24;
  return isNew && existsSync(join(root, 'node_modules', 'typebox')) ? process.execPath : undefined;
}
