import { describe, expect, test } from 'vitest';
import { checkImports, importsOf, isCore, loadedBy, roomOf } from './import-arrows.ts';
import { codeFiles } from './project-files.ts';

describe('the import arrows', () => {
  const files = codeFiles();

  test('the whole project keeps to the table', () => {
    expect(files.length).toBeGreaterThan(50);
    expect(files.flatMap(checkImports)).toEqual([]);
  });

  test('kvytok serve and kvytok edge never load a simulator', () => {
    const sources = new Map(files.map(({ path, text }) => [path, text]));
    for (const start of ['cli/commands/serve.ts', 'cli/commands/edge.ts']) {
      const loaded = [...loadedBy(start, sources)];
      expect(loaded.length).toBeGreaterThan(10);
      expect(loaded.filter((path) => path.startsWith('simulators/'))).toEqual([]);
    }
  });

  test('nothing that serves a city loads the means to kill it', () => {
    const sources = new Map(files.map(({ path, text }) => [path, text]));
    for (const start of ['cli/commands/serve.ts', 'cli/commands/edge.ts', 'cli/commands/city.ts']) {
      const loaded = [...loadedBy(start, sources)];
      expect(loaded.filter((path) => /^(simulators|cli)\/faults\//.test(path))).toEqual([]);
    }
  });

  test('nothing outside the tests can plant a bug: no way leads from a command to the tests or to a module hook', () => {
    const sources = new Map(files.map(({ path, text }) => [path, text]));
    const starts = files.map(({ path }) => path).filter((path) => /^(bin|cli)\//.test(path));
    const loaded = new Set(starts.flatMap((start) => [...loadedBy(start, sources)]));
    expect([...loaded].filter((path) => path.startsWith('tests/'))).toEqual([]);
    const hooks = files.filter(({ text }) => /\bregisterHooks\b|\bmodule\.register\b/.test(text));
    expect(hooks.map(({ path }) => path).filter((path) => !path.startsWith('tests/'))).toEqual([]);
    expect(hooks.map(({ path }) => path)).toContain('tests/faults/checks/load-mutant.ts');
  });

  test('a validator loads no server package: neither a database client nor a web framework nor a broker', () => {
    const sources = new Map(files.map(({ path, text }) => [path, text]));
    const loaded = [...loadedBy('cli/commands/edge.ts', sources)];
    const packages = loaded.flatMap((path) =>
      importsOf(sources.get(path) ?? '').map(({ specifier }) => specifier),
    );
    expect(packages.filter((name) => /^(pg|fastify|aedes|@fastify\/.*)$/.test(name))).toEqual([]);
  });
});

describe('the check itself', () => {
  test.each([
    ['ingest/x.ts', `import { a } from '../fare-engine/facts/facts.ts';`],
    ['ingest/x.ts', `import type { a } from '../portal/ports.ts';`],
    ['ingest/x.ts', `export * from '../simulators/city/random.ts';`],
    ['platform/x.ts', `import a from '#pricing/model.ts';`],
    ['contracts/x.ts', `import '#platform/clock.ts';`],
    ['contracts/x.ts', `import pino from 'pino';`],
    ['simulators/cards/x.ts', `import { tlv } from '../../edge-agent/tlv.ts';`],
    ['portal/x.ts', `import { s } from '../ingest/model.ts';`],
    ['edge-agent/x.ts', `const a = await import('../fare-engine/worker.ts');`],
    ['fare-engine/x.ts', `import {\n  a,\n  b,\n} from '../tests/support/until.ts';`],
    ['fare-engine/pricing/x.ts', `import { readFile } from 'node:fs/promises';`],
    ['fare-engine/x.ts', `import pg from 'pg';`],
    ['fare-engine/x.ts', `import type { Pool } from 'pg';`],
    ['edge-agent/x.ts', `import { setTimeout } from 'node:timers/promises';`],
    ['edge-agent/x.ts', `const pg = createRequire(import.meta.url)('pg');`],
    ['edge-agent/x.ts', `const { a } = require('../ingest/model.ts');`],
    ['edge-agent/x.ts', `const fs = process.getBuiltinModule('node:fs');`],
    ['edge-agent/x.ts', `new Worker(new URL('../simulators/city/main.ts', import.meta.url));`],
    ['portal/islands/x.ts', `import { views } from '../adapters/postgres-views.ts';`],
    ['attic/x.ts', ''],
  ])('finds a forbidden line in %s: %s', (path, text) => {
    expect(checkImports({ path, text })).toHaveLength(1);
  });

  test.each([
    ['ingest/adapters/x.ts', `import pg from 'pg';`],
    ['ingest/main.ts', `import { readFileSync } from 'node:fs';`],
    ['portal/x.ts', `import type { ServerResponse } from 'node:http';`],
    ['edge-agent/x.ts', `import { price } from '#pricing/model.ts';`],
    ['fare-engine/x.ts', `import { price } from './pricing/model.ts';`],
    ['fare-engine/x.ts', `// import pg from 'pg'\n/* import pg from 'pg'; */`],
    ['cli/commands/x.ts', `import { startFleet } from '../../simulators/city/main.ts';`],
    ['vitest.config.ts', `import { defineConfig } from 'vitest/config';`],
  ])('lets an allowed line pass in %s: %s', (path, text) => {
    expect(checkImports({ path, text })).toEqual([]);
  });

  test('knows rooms inside rooms, and what a core is', () => {
    expect(roomOf('fare-engine/pricing/gtfs/x.ts')).toBe('fare-engine/pricing');
    expect(roomOf('simulators/cards/x.ts')).toBe('simulators/cards');
    expect(isCore('edge-agent/agent.ts')).toBe(true);
    expect(isCore('edge-agent/adapters/x.ts')).toBe(false);
    expect(isCore('platform/postgres.ts')).toBe(false);
  });

  test('follows imports through files, but not types', () => {
    const sources = new Map([
      [
        'cli/commands/serve.ts',
        `import { a } from '../a.ts';\nimport type { t } from '../../simulators/t.ts';`,
      ],
      ['cli/a.ts', `export const b = () => import('../simulators/b.ts');`],
    ]);
    expect([...loadedBy('cli/commands/serve.ts', sources)]).toEqual([
      'cli/commands/serve.ts',
      'cli/a.ts',
      'simulators/b.ts',
    ]);
  });
});
