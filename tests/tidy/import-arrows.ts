/** Who may import whom. The table is that of docs/ARCHITECTURE.md; what is not in it is not allowed. */
import { dirname, join, normalize } from 'node:path';
import type { ProjectFile } from './project-files.ts';

const GROUND = ['platform', 'contracts'] as const;
const LEAVES = ['fare-engine/pricing', 'beacons/triggers'] as const;
const SERVICES = [
  'edge-agent',
  'broker',
  'ingest',
  'fare-engine',
  'beacons',
  'portal',
  'dashboards',
] as const;
const ALL = [...GROUND, ...LEAVES, ...SERVICES, 'simulators/cards', 'simulators', 'cli'];

/** Room → rooms it may import, besides itself. */
export const ARROWS: Readonly<Record<string, readonly string[]>> = {
  contracts: [],
  platform: ['contracts'],
  'fare-engine/pricing': ['contracts'],
  'beacons/triggers': ['contracts'],
  'edge-agent': ['fare-engine/pricing', ...GROUND],
  broker: GROUND,
  ingest: GROUND,
  'fare-engine': ['fare-engine/pricing', ...GROUND],
  beacons: ['beacons/triggers', ...GROUND],
  portal: ['portal/islands', ...LEAVES, ...GROUND],
  // Runs in browsers: it may take what is sent to it and the leaves, nothing of the server.
  'portal/islands': ['contracts', ...LEAVES],
  dashboards: GROUND,
  'simulators/cards': GROUND, // written from the specifications, not from the agent's code
  simulators: [...GROUND, ...LEAVES, ...SERVICES, 'simulators/cards'],
  cli: ALL,
  scripts: [...ALL, 'tests'], // developers' tools may use the tests' helpers; nothing that runs in a city may
  tests: [...ALL, 'scripts', 'bin'],
  bin: [],
};

/** Shapes of what a room is sent; types alone, nothing of them runs there. */
const ALSO_AS_TYPES: Readonly<Record<string, string>> = { 'portal/islands': 'portal/schemas.ts' };

/** What reaches outside: no core may have it, only `main.ts`, `config.ts`, `adapters/`. */
const DRIVERS =
  /^(mqtt|aedes|pg|smartcard|yauzl|node:(fs|net|tls|http|https|http2|dgram|sqlite|child_process|worker_threads|cluster|os|process|timers))(\/.*)?$/;

/** The leaves run in validators and browsers too: what they may bring along is listed. */
const LEAF_PACKAGES: Readonly<Record<string, RegExp>> = {
  contracts: /^(typebox(\/.*)?|node:crypto)$/,
  'fare-engine/pricing': /^(typebox(\/.*)?|node:crypto|csv-parse\/sync|yaml)$/,
  'beacons/triggers': /^$/,
};

const CORES = new Set<string>([
  'contracts',
  ...LEAVES,
  'edge-agent',
  'broker',
  'ingest',
  'fare-engine',
  'beacons',
  'portal',
]);

/** The room a file lies in: the longest name of the table that starts its path. */
export function roomOf(path: string): string | undefined {
  const rooms = Object.keys(ARROWS).filter((room) => path === room || path.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0];
}

/** Adapters that stand beside what they read instead of in `adapters/`. */
const OTHER_ADAPTERS = new Set([
  'fare-engine/tariffs/load-tariff.ts',
  'fare-engine/tariffs/load-feed.ts',
  'fare-engine/tariffs/read-zip.ts',
]);

/** Whether the file belongs to a room's pure core. */
export function isCore(path: string): boolean {
  const room = roomOf(path);
  if (room === undefined || !CORES.has(room) || OTHER_ADAPTERS.has(path)) return false;
  const inside = path.slice(room.length + 1);
  if (/(^|\/)(adapters|islands)\//.test(inside)) return false;
  // A room may have a part with a start of its own.
  return !/(^|\/)(main|config)\.ts$/.test(inside);
}

export interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
}

const IMPORTS =
  /^\s*(?:import|export)\s+(type\s)?(?:[\w*{][^'"`;]*?\sfrom\s+)?['"]([^'"]+)['"]|\b(?:import|require|getBuiltinModule|createRequire\([^)]*\))\(\s*['"`]([^'"`]+)['"`]|\bnew\s+URL\(\s*['"`](\.{1,2}\/[^'"`]+\.[mc]?[tj]s)['"`]/gm;

/** The import lines of a file; dynamic ones, `require` in its forms, and files named by `new URL` for workers too. */
export function importsOf(text: string): Import[] {
  const code = text.replace(/\/\*[\s\S]*?\*\//g, '');
  return [...code.matchAll(IMPORTS)].map((match) => ({
    specifier: (match[2] ?? match[3] ?? match[4]) as string,
    typeOnly: match[1] !== undefined,
  }));
}

/** A specifier as a path in the project, or undefined when it is a package or a Node module. */
export function resolveImport(from: string, specifier: string): string | undefined {
  if (specifier.startsWith('#pricing/')) return specifier.replace('#pricing/', 'fare-engine/pricing/');
  if (specifier.startsWith('#')) return specifier.slice(1);
  if (specifier.startsWith('.')) return normalize(join(dirname(from), specifier));
  return undefined;
}

/** What is wrong with a file's imports, one sentence each. */
export function checkImports({ path, text }: ProjectFile): string[] {
  const room = roomOf(path);
  if (room === undefined) return path.includes('/') ? [`${path}: lies in no room of the table`] : [];
  return importsOf(text).flatMap(({ specifier, typeOnly }) => {
    const target = resolveImport(path, specifier);
    if (target === undefined) return checkPackage(path, room, specifier, typeOnly);
    if (typeOnly && ALSO_AS_TYPES[room] === target) return [];
    const to = roomOf(target);
    if (to === room || (to !== undefined && ARROWS[room]?.includes(to))) return [];
    return [`${path}: ${room} may not import ${to ?? target} (${specifier})`];
  });
}

function checkPackage(path: string, room: string, specifier: string, typeOnly: boolean): string[] {
  const allowed = LEAF_PACKAGES[room];
  if (allowed !== undefined && !allowed.test(specifier))
    return [`${path}: the leaf ${room} may not import ${specifier}`];
  // A type of Node itself binds nothing at run time; a driver's type ties the core to that driver.
  if (typeOnly && specifier.startsWith('node:')) return [];
  if (isCore(path) && DRIVERS.test(specifier))
    return [`${path}: a core may not import ${specifier}; hand it in through a port`];
  return [];
}

/** All project files that a file loads, itself included, followed through the given sources. */
export function loadedBy(start: string, sources: ReadonlyMap<string, string>): Set<string> {
  const seen = new Set<string>();
  const waiting = [start];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const { specifier, typeOnly } of importsOf(sources.get(path) ?? '')) {
      const target = typeOnly ? undefined : resolveImport(path, specifier);
      if (target !== undefined) waiting.push(target);
    }
  }
  return seen;
}
