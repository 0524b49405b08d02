/**
 * Preloaded into a test's child process (`--import`): when the named source file is loaded, a line of it is replaced by
 * the planted bug that the environment names. The sources themselves have no switch, and nothing outside the tests
 * loads this file: a tidy test follows the imports.
 */
import { registerHooks } from 'node:module';
import { MUTANT, MUTANTS } from './mutants.ts';

const name = process.env[MUTANT] ?? '';
const mutant = MUTANTS[name];
if (mutant === undefined) throw new Error(`there is no planted bug ${name}`);

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    if (!url.endsWith(`/${mutant.file}`)) return loaded;
    const source = String(loaded.source instanceof Uint8Array ? Buffer.from(loaded.source) : loaded.source);
    // A bug that cannot be planted any more would prove nothing.
    if (!source.includes(mutant.line)) throw new Error(`${mutant.file} has no line ${mutant.line}`);
    return { ...loaded, source: source.replace(mutant.line, mutant.becomes) };
  },
});
