/** Where commands that only read find the database: a city's data folder, the environment, or this checkout's city. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { savedCityMs } from '#platform/city-clock.ts';
import { OperatorError } from '#platform/errors.ts';
import { createPool } from '#platform/postgres.ts';
import { dataFolderOf } from './city/city-arguments.ts';
import { findRunningCity } from './city/running-file.ts';
import type { CommandIo } from './command.ts';

export interface AuditDatabase {
  readonly pool: pg.Pool;
  /** Folder of the city's data, where it is known. */
  readonly cityDir: string | null;
  /** The time of a city that runs here, whose clock may be a simulated one; elsewhere the machine's. */
  readonly nowMs: () => number;
}

/**
 * Roles under which commands come: the auditor reads facts, the office submits commands; neither changes a fact. An import
 * alone comes as the fare engine, for it writes facts as the engine does.
 */
export type VisitorRole = 'auditor_runtime' | 'office_runtime' | 'fare_runtime';

/** Whether the office's words and the engine's answers are both at hand: an address from the environment is that of one role. */
export function hearsAnswers(dataDir: string | undefined, io: CommandIo): boolean {
  const { KVYTOK_POSTGRES_URL: auditor, KVYTOK_OFFICE_POSTGRES_URL: office } = io.env;
  return dataDir !== undefined || (auditor === undefined) === (office === undefined);
}

/**
 * Opens it under a visitor's role; an address from the environment names its role itself.
 * @throws OperatorError CITY_NOT_RUNNING, SECRETS_UNREADABLE
 */
export function openAuditDatabase(
  dataDir: string | undefined,
  io: CommandIo,
  role: VisitorRole = 'auditor_runtime',
): AuditDatabase {
  const url =
    (role === 'office_runtime' ? io.env['KVYTOK_OFFICE_POSTGRES_URL'] : undefined) ??
    io.env['KVYTOK_POSTGRES_URL'];
  if (dataDir !== undefined || url === undefined) return ofRunningCity(dataFolderOf(dataDir, io), role);
  return { pool: open(url), cityDir: io.env['KVYTOK_CITY_DIR'] ?? null, nowMs: Date.now };
}

function ofRunningCity(folder: string, role: VisitorRole): AuditDatabase {
  const city = findRunningCity(folder);
  const url = new URL(`postgres://127.0.0.1:${city.postgresPort}/kvytok`);
  url.username = role;
  url.password = readPassword(join(folder, 'secrets', 'database.json'), role);
  const nowMs = () => savedCityMs(join(folder, 'city-clock.json'));
  return { pool: open(url.href), cityDir: city.cityDir, nowMs };
}

function open(url: string): pg.Pool {
  return createPool({ url, applicationName: 'kvytok-audit', max: 2 });
}

function readPassword(file: string, role: VisitorRole): string {
  try {
    const { passwords } = JSON.parse(readFileSync(file, 'utf8')) as { passwords: Record<string, string> };
    const password = passwords[role];
    if (password !== undefined) return password;
  } catch {
    // Said below, without the file's content.
  }
  throw new OperatorError({
    code: 'SECRETS_UNREADABLE',
    happened: `The database password of ${role} cannot be read from ${file}.`,
    kept: 'Nothing was changed.',
    todo: 'Run this as the user who started the city.',
  });
}
