/**
 * After `npm ci`: joins the many small modules of a library into a few. `typebox` comes as 680 files, and finding and
 * linking them took each of our processes 0.4 s of processor time, more than all our own code
 * (docs/decisions/0164). The library's own entries are replaced in place by what the bundler makes of them, so nothing
 * else has to know; types, other files and behaviour stay. Where the bundler is not installed, or was not run, the
 * library works as it came: only slower. Plain JavaScript, because npm runs it with the Node of the machine.
 */
import {
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const library = join(root, 'node_modules', 'typebox');
const build = join(library, 'build');
const done = join(build, 'joined');

if (existsSync(build) && !existsSync(done)) await joinModules();

/** All entries at once: what they share (settings, registries) must stay one, so it goes to chunks of its own. */
async function joinModules() {
  const bundler = await import('rolldown').catch(() => undefined);
  if (bundler === undefined) return;
  const { exports } = JSON.parse(readFileSync(join(library, 'package.json'), 'utf8'));
  const input = Object.fromEntries(
    Object.values(exports).map((entry) => {
      const path = entry.import.replace(/^\.\/build\/|\.mjs$/g, '');
      return [path, join(build, `${path}.mjs`)];
    }),
  );
  const made = mkdtempSync(join(library, 'joining-'));
  try {
    const bundle = await bundler.rolldown({ input, platform: 'node', logLevel: 'silent' });
    await bundle.write({
      dir: made,
      format: 'esm',
      entryFileNames: '[name].mjs',
      chunkFileNames: 'joined-[name]-[hash].mjs',
    });
    await bundle.close();
    // Chunks first: an entry must never name one that is not there yet.
    const files = readdirSync(made, { recursive: true, withFileTypes: true }).filter((file) => file.isFile());
    files.sort((a, b) => Number(b.name.startsWith('joined-')) - Number(a.name.startsWith('joined-')));
    for (const file of files) {
      const from = join(file.parentPath, file.name);
      renameSync(from, join(build, from.slice(made.length)));
    }
    writeFileSync(done, 'scripts/join-modules.mjs\n');
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
}
