/**
 * Keeps the files of a broker that is a server of its own in step with the identities file: enrolment and revocation
 * reach it without a restart.
 */
import { describeProblems } from '#contracts/parse.ts';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import type { Role } from '#platform/role.ts';
import type { Identities } from '../identity.ts';
import type { ServerConfigGenerator, ServerConfigInput } from '../server-config.ts';
import { tellBroker, writeConfigFolder } from './config-folder.ts';
import { openIdentityFile } from './identity-file.ts';

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
}

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

  const apply = (identities: Identities): void => {
    const changed = writeServerConfig(options, identities);
    const told = changed.length > 0 && pidFile !== undefined && tellBroker(pidFile);
    log.info({ changed, told, clients: identities.size }, 'broker.config.written');
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
  // Looking at the file alone keeps no process alive; whoever follows wants it to stay.
  const stay = setInterval(() => {}, 60_000);
  try {
    apply(source.current());
  } catch (error) {
    source.stop();
    clearInterval(stay);
    throw error;
  }
  return {
    name: 'broker-config',
    async stop() {
      source.stop();
      clearTimeout(retry);
      clearInterval(stay);
    },
  };
}
