/** Where commands that only read find the database: the environment, or the city that runs on a data folder. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type pg from 'pg';
import { OperatorError } from '#platform/errors.ts';
import { createPool } from '#platform/postgres.ts';
import { findRunningCity } from './city/running-file.ts';
import type { CommandIo } from './command.ts';

export interface AuditDatabase {
  readonly pool: pg.Pool;
  /** Folder of the city's data, where it is known. */
  readonly cityDir: string | null;
}

/**
 * Opens it under the auditor's role: it can read facts and change nothing.
 * @throws OperatorError DATABASE_NOT_NAMED, CITY_NOT_RUNNING, SECRETS_UNREADABLE
 */
export function openAuditDatabase(dataDir: string | undefined, io: CommandIo): AuditDatabase {
  const url = io.env['KVYTOK_POSTGRES_URL'];
  const folder = dataDir ?? (url === undefined ? io.env['KVYTOK_DATA_DIR'] : undefined);
  if (folder !== undefined) return ofRunningCity(resolve(io.cwd, folder));
  if (url === undefined) {
    throw new OperatorError({
      code: 'DATABASE_NOT_NAMED',
      happened: 'It is not said which database to ask.',
      kept: 'Nothing was changed.',
      todo: 'Add --data DIR with the data folder of a running city, or set KVYTOK_POSTGRES_URL (role auditor_runtime).',
    });
  }
  return { pool: open(url), cityDir: io.env['KVYTOK_CITY_DIR'] ?? null };
}

function ofRunningCity(folder: string): AuditDatabase {
  const city = findRunningCity(folder);
  const url = new URL(`postgres://127.0.0.1:${city.postgresPort}/kvytok`);
  url.username = 'auditor_runtime';
  url.password = readPassword(join(folder, 'secrets', 'database.json'));
  return { pool: open(url.href), cityDir: city.cityDir };
}

function open(url: string): pg.Pool {
  return createPool({ url, applicationName: 'kvytok-audit', max: 2 });
}

function readPassword(file: string): string {
  try {
    const { passwords } = JSON.parse(readFileSync(file, 'utf8')) as { passwords: Record<string, string> };
    const password = passwords['auditor_runtime'];
    if (password !== undefined) return password;
  } catch {
    // Said below, without the file's content.
  }
  throw new OperatorError({
    code: 'SECRETS_UNREADABLE',
    happened: `The database password of the auditor cannot be read from ${file}.`,
    kept: 'Nothing was changed.',
    todo: 'Run this as the user who started the city.',
  });
}
