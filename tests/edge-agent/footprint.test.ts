/** A validator is a small machine: what it loads is looked up in the import lines, from its two entries on. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ALIASES: Readonly<Record<string, string>> = {
  '#contracts/': 'contracts/',
  '#platform/': 'platform/',
  '#pricing/': 'fare-engine/pricing/',
};

/** Packages and own files that an entry reaches by value imports, dynamic ones included. */
function reach(entry: string): { packages: Set<string>; files: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const queue = [join(ROOT, entry)];
  for (let file = queue.pop(); file; file = queue.pop()) {
    if (files.has(file)) continue;
    files.add(file);
    const source = readFileSync(file, 'utf8');
    const imports = /(?:^|\n)(?:import|export)\s+(?!type\b)[^;]*?from\s+'([^']+)'|import\('([^']+)'\)/g;
    for (const [, fixed, dynamic] of source.matchAll(imports)) {
      const name = (fixed ?? dynamic) as string;
      const alias = Object.keys(ALIASES).find((prefix) => name.startsWith(prefix));
      if (alias) queue.push(join(ROOT, ALIASES[alias] as string, name.slice(alias.length)));
      else if (name.startsWith('.')) queue.push(resolve(dirname(file), name));
      else if (!name.startsWith('node:')) packages.add(name);
    }
  }
  return { packages, files };
}

describe('what a validator loads', () => {
  it.each(['edge-agent/main.ts', 'cli/commands/edge.ts'])('%s needs no server package', (entry) => {
    const { packages } = reach(entry);
    // prom-client: loaded only where KVYTOK_OPS_LISTEN asks for figures.
    const allowed = ['ghtml', 'mqtt', 'pino', 'prom-client', 'smartcard', 'typebox', 'typebox/compile'];
    // For its certificate: loaded when one is asked for, and not before.
    allowed.push('@peculiar/x509', 'reflect-metadata');
    // For the screen: draws the code of a debt's page, needs no packages of its own.
    allowed.push('uqr');
    expect([...packages].filter((name) => !allowed.includes(name))).toEqual([]);
    expect(packages).toContain('mqtt');
  });

  it('the agent reaches only its own room, contracts, platform and the pricing leaf', () => {
    const rooms = [...reach('edge-agent/main.ts').files].map((file) => relative(ROOT, file));
    const foreign = rooms.filter(
      (file) => !/^(edge-agent|contracts|platform|fare-engine\/pricing)\//.test(file),
    );
    expect(foreign).toEqual([]);
    expect(rooms.every((file) => existsSync(join(ROOT, file)))).toBe(true);
  });
});
