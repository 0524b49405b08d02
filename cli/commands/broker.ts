/** `kvytok broker config`: the configuration of a broker that is a server of its own, kept in step with enrolment. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { startConfigFollower } from '../../broker/adapters/config-follower.ts';
import { parseListen } from '../../broker/config.ts';
import { emqxConfig } from '../../broker/emqx-config.ts';
import { MOSQUITTO_PID_FILE, mosquittoConfig } from '../../broker/mosquitto-config.ts';
import { NATS_PID_FILE, natsConfig } from '../../broker/nats-config.ts';
import type { ServerConfigGenerator, TlsFiles } from '../../broker/server-config.ts';
import { SERVER_LIMITS } from '../../broker/server-limits.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

interface Server {
  readonly generate: ServerConfigGenerator;
  /** Where the process writes its pid, within the folder; left out where no signal makes it read its files again. */
  readonly pidFile?: string;
  /** How it is started. */
  readonly start: (folder: string) => string;
}

const SERVERS: Readonly<Record<string, Server>> = {
  mosquitto: {
    generate: mosquittoConfig,
    pidFile: MOSQUITTO_PID_FILE,
    start: (folder) => `mosquitto -c ${folder}/mosquitto.conf`,
  },
  nats: {
    generate: natsConfig,
    pidFile: NATS_PID_FILE,
    start: (folder) => `nats-server -c ${folder}/nats.conf`,
  },
  emqx: {
    generate: emqxConfig,
    start: (folder) => `emqx start   (with include "${folder}/kvytok.hocon" in emqx.conf)`,
  },
};

export const usage = `Usage: kvytok broker config --for ${Object.keys(SERVERS).join('|')} --out DIR [--follow] [options]

Writes the configuration of a broker that is a server of its own: access for each client by the table of topics, secrets
as that broker stores them, and limits that hold what a fleet sends at once. Writing it again changes only what differs,
and the running broker is told (SIGHUP): no restart.

  --identities FILE   clients, roles and hashes of secrets; otherwise KVYTOK_BROKER_IDENTITIES
  --listen HOST:PORT  where the broker listens; otherwise KVYTOK_BROKER_LISTEN, 127.0.0.1:1883
  --follow            stays and writes again whenever the identities change: a revoked client loses its connection
  --user NAME         user that a broker started as root turns into; its own default otherwise
  --tls-ca FILE --tls-cert FILE --tls-key FILE
                      speak TLS 1.3 with this certificate and ask every client for one of that authority; NATS needs it
  --tls-crl FILE      revocation list of that authority (mosquitto)

What each broker does otherwise than the embedded one: docs/BROKERS.md.
`;

const OPTIONS = {
  for: { type: 'string' },
  out: { type: 'string' },
  identities: { type: 'string' },
  listen: { type: 'string' },
  follow: { type: 'boolean', default: false },
  user: { type: 'string' },
  'tls-ca': { type: 'string' },
  'tls-cert': { type: 'string' },
  'tls-key': { type: 'string' },
  'tls-crl': { type: 'string' },
} as const;

/** How often the identities are looked at, and how soon a failed writing is tried again. */
const EVERY_MS = 500;
const AGAIN_MS = 5_000;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  if (positionals.length !== 1 || positionals[0] !== 'config')
    throw new UsageError('write: kvytok broker config');
  const server = serverOf(values.for);
  const identities = values.identities ?? io.env['KVYTOK_BROKER_IDENTITIES'];
  if (identities === undefined || identities === '') throw new UsageError('--identities FILE is needed');
  if (values.out === undefined) throw new UsageError('--out DIR is needed');
  for (const [name, value] of Object.entries(values)) {
    // They become lines of configuration: one that breaks off would begin another.
    if (typeof value === 'string' && /[\p{Cc}"]/u.test(value))
      throw new UsageError(`--${name} has a sign no path or name has`);
  }
  const folder = resolve(io.cwd, values.out);
  const tls = tlsOf(values, io.cwd);
  const signals = onSignals(createLogger({ component: 'broker' }));
  const follower = startConfigFollower({
    generate: server.generate,
    input: {
      limits: SERVER_LIMITS,
      listen: parseListen(values.listen ?? io.env['KVYTOK_BROKER_LISTEN'] ?? '127.0.0.1:1883'),
      folder,
      ...(tls === undefined ? {} : { tls }),
      ...(values.user === undefined ? {} : { user: values.user }),
    },
    identitiesPath: resolve(io.cwd, identities),
    everyMs: EVERY_MS,
    againMs: AGAIN_MS,
    ...(server.pidFile === undefined ? {} : { pidFile: resolve(folder, server.pidFile) }),
    log: createLogger({ component: 'broker', level: io.env['KVYTOK_LOG_LEVEL'] ?? 'info' }),
  });
  try {
    io.stdout.write(`written to ${folder}; start it with: ${server.start(folder)}\n`);
    if (values.follow) await signals.received;
    return EXIT.ok;
  } finally {
    await follower.stop();
    signals.forget();
  }
}

function serverOf(name: string | undefined): Server {
  const server = name === undefined || !Object.hasOwn(SERVERS, name) ? undefined : SERVERS[name];
  if (server === undefined) throw new UsageError(`--for takes one of ${Object.keys(SERVERS).join(', ')}`);
  return server;
}

function tlsOf(
  values: Partial<Record<'tls-ca' | 'tls-cert' | 'tls-key' | 'tls-crl', string | undefined>>,
  cwd: string,
): TlsFiles | undefined {
  const { 'tls-ca': ca, 'tls-cert': cert, 'tls-key': key, 'tls-crl': crl } = values;
  if (ca === undefined && cert === undefined && key === undefined && crl === undefined) return undefined;
  if (ca === undefined || cert === undefined || key === undefined)
    throw new UsageError('--tls-ca, --tls-cert and --tls-key are given together');
  const files = { ca: resolve(cwd, ca), cert: resolve(cwd, cert), key: resolve(cwd, key) };
  return crl === undefined ? files : { ...files, crl: resolve(cwd, crl) };
}
