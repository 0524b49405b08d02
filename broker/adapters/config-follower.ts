/**
 * Keeps the files of a broker that is a server of its own in step with the identities file: enrolment and revocation
 * reach it without a restart. Where the broker reads a revocation list, a new one is told to it too.
 */
import { readFileSync } from 'node:fs';
import { describeProblems } from '#contracts/parse.ts';
import { systemClock } from '#platform/clock.ts';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import { crlProblem } from '#platform/revocation-age.ts';
import type { Role } from '#platform/role.ts';
import { readRevocationList } from '#platform/x509.ts';
import type { Identities } from '../identity.ts';
import type { ServerConfigGenerator, ServerConfigInput } from '../server-config.ts';
import { tellBroker, writeConfigFolder } from './config-folder.ts';
import { openIdentityFile, stampOf } from './identity-file.ts';

export interface ServerConfigTarget {
  readonly generate: ServerConfigGenerator;
  readonly input: Omit<ServerConfigInput, 'identities'>;
}

export interface FollowerOptions extends ServerConfigTarget {
  readonly identitiesPath: string;
  /** How often the identities file is looked at. */
  readonly everyMs: number;
  /** How long to wait after a failure before trying again. */
  readonly againMs: number;
  /** Names the broker's process; left out where a signal tells it nothing. */
  readonly pidFile?: string;
  readonly log: Logger;
  /** Real time, by which a revocation list ends; the system's when left out. */
  readonly nowMs?: () => number;
}

/** How often it is looked whether the revocation list comes to its end. */
const CRL_AGE_EVERY_MS = 3_600_000;

/**
 * Generates and writes once; answers the names of the files that changed.
 * @throws OperatorError BROKER_CONFIG_IMPOSSIBLE when these identities have no form in that broker, or
 * BROKER_CONFIG_UNWRITABLE.
 */
export function writeServerConfig(target: ServerConfigTarget, identities: Identities): string[] {
  const made = target.generate({ ...target.input, identities });
  if (made.ok) return writeConfigFolder(target.input.folder, made.value);
  throw new OperatorError({
    code: 'BROKER_CONFIG_IMPOSSIBLE',
    happened: `These identities cannot be written for this broker: ${describeProblems(made.problems)}.`,
    kept: 'No file was changed.',
    todo: 'Enrol the client anew, so that its secret is kept in every form, and write the configuration again.',
  });
}

/**
 * Writes at once and whenever the identities change, and tells the broker each time. What fails later is logged and tried
 * again: a revocation must not be forgotten because a disk was full for a minute.
 * @throws what {@link writeServerConfig} throws, at the start only.
 */
export function startConfigFollower(options: FollowerOptions): Role {
  const { log, pidFile } = options;
  let retry: NodeJS.Timeout | undefined;

  let crlIsNew = false;
  const apply = (identities: Identities): void => {
    const changed = writeServerConfig(options, identities);
    const told = (changed.length > 0 || crlIsNew) && pidFile !== undefined && tellBroker(pidFile);
    log.info({ changed, crl: crlIsNew, told, clients: identities.size }, 'broker.config.written');
    crlIsNew = false;
  };
  const follow = (): void => {
    clearTimeout(retry);
    try {
      apply(source.current());
    } catch (err) {
      log.error({ err }, 'broker.config.failed: the former access stays in force until it is written');
      retry = setTimeout(follow, options.againMs);
    }
  };
  const source = openIdentityFile({
    path: options.identitiesPath,
    everyMs: options.everyMs,
    log,
    onChange: follow,
  });
  const crl = watchCrl(options, () => {
    crlIsNew = true;
    follow();
  });
  // Looking at the file alone keeps no process alive; whoever follows wants it to stay.
  const stay = setInterval(() => {}, 60_000);
  try {
    apply(source.current());
  } catch (error) {
    source.stop();
    crl.stop();
    clearInterval(stay);
    throw error;
  }
  return {
    name: 'broker-config',
    async stop() {
      source.stop();
      crl.stop();
      clearTimeout(retry);
      clearInterval(stay);
    },
  };
}

/** Looks at the revocation list again and again: a new one is told, one that comes to its end is an alarm. */
function watchCrl(options: FollowerOptions, onNew: () => void): { stop(): void } {
  const path = options.input.tls?.crl;
  if (path === undefined) return { stop: () => {} };
  const { log, nowMs = () => systemClock.nowMs(), input } = options;
  const lookAtAge = async (): Promise<void> => {
    let problem: string | null;
    try {
      const caPem = readFileSync(input.tls?.ca as string, 'utf8');
      const { nextAtMs } = await readRevocationList(readFileSync(path, 'utf8'), caPem);
      problem = crlProblem(nextAtMs, nowMs());
    } catch (error) {
      problem = (error as Error).message;
    }
    if (problem !== null) log.error({ path, problem }, 'broker.crl.ends: the broker will let nobody in');
  };
  let stamp = stampOf(path);
  const look = setInterval(() => {
    const now = stampOf(path);
    if (now === stamp) return;
    stamp = now;
    void lookAtAge();
    onNew();
  }, options.everyMs);
  const age = setInterval(() => void lookAtAge(), CRL_AGE_EVERY_MS);
  void lookAtAge();
  return {
    stop: () => {
      clearInterval(look);
      clearInterval(age);
    },
  };
}
