/**
 * Configuration of mosquitto 2 (tried with 2.0.11): mosquitto.conf(5), password file and access list. Identities change
 * by writing the last two anew and SIGHUP; who is not in the password file any more loses its connection then.
 */
import { refuse } from '#contracts/parse.ts';
import { grantsOf } from './access-grants.ts';
import type { Identity } from './identity.ts';
import {
  type ConfigFile,
  GENERATED,
  type ServerConfigGenerator,
  type ServerConfigInput,
} from './server-config.ts';

/** Written into the folder by mosquitto itself. */
export const MOSQUITTO_PID_FILE = 'mosquitto.pid';

/**
 * `mosquitto.conf`, `access`, and `passwords` where clients prove themselves by secret. With TLS the common name of the
 * certificate is the user; a client that was taken away keeps its connection there but may neither say nor hear anything.
 * Each client gets its access line by line: mosquitto's patterns (`%u`) would
 * hold for every client, so a monitor could publish as if it were a device.
 */
export const mosquittoConfig: ServerConfigGenerator = (input) => {
  const clients = [...input.identities.values()];
  const main = { name: 'mosquitto.conf', text: mainFile(input), secret: false };
  if (input.tls !== undefined) {
    return {
      ok: true,
      value: [main, accessFile(clients.filter(({ certificates }) => certificates.size > 0))],
    };
  }
  const known = clients.filter(({ secretSha256 }) => secretSha256 !== undefined);
  const without = known.find(({ secretPbkdf2 }) => secretPbkdf2 === undefined);
  if (without) {
    return refuse(
      `${without.clientId} has no secretPbkdf2, the form in which mosquitto knows a secret`,
      '/clients',
    );
  }
  const passwords = {
    name: 'passwords',
    text: known.map(({ clientId, secretPbkdf2 }) => `${clientId}:${secretPbkdf2}\n`).join(''),
    secret: true,
  };
  return { ok: true, value: [main, passwords, accessFile(known)] };
};

function accessFile(clients: readonly Identity[]): ConfigFile {
  return { name: 'access', text: `# ${GENERATED}\n${clients.map(accessOf).join('')}`, secret: true };
}

function mainFile({ folder, listen, limits, tls, user }: ServerConfigInput): string {
  const lines = [
    `# ${GENERATED}`,
    ...(user === undefined ? [] : [`user ${user}`]),
    `pid_file ${folder}/${MOSQUITTO_PID_FILE}`,
    '',
    `listener ${listen.port} ${listen.host}`,
    `max_connections ${limits.connectionsMax}`,
    '# Exactly-once delivery is not offered: receipts do better.',
    'max_qos 1',
    ...(tls === undefined
      ? []
      : [
          `cafile ${tls.ca}`,
          `certfile ${tls.cert}`,
          `keyfile ${tls.key}`,
          ...(tls.crl === undefined ? [] : [`crlfile ${tls.crl}`]),
          'require_certificate true',
          'use_identity_as_username true',
          'tls_version tlsv1.3',
        ]),
    '# The client id is the user name, whatever a client says of itself: nobody can push another one off.',
    'use_username_as_clientid true',
    '',
    'allow_anonymous false',
    ...(tls === undefined ? [`password_file ${folder}/passwords`] : []),
    `acl_file ${folder}/access`,
    '',
    '# Stock limits (20 and 1000) acknowledge messages and drop them. These hold what a fleet offers at once.',
    `max_inflight_messages ${limits.inflightMax}`,
    `max_queued_messages ${limits.queuedMax}`,
    `max_queued_bytes ${limits.queuedBytesMax}`,
    `max_packet_size ${limits.packetBytesMax}`,
    `memory_limit ${limits.memoryBytesMax}`,
    '# Only MQTT 5 clients are held to it; ours ask for 30 s.',
    `max_keepalive ${limits.keepAliveSecondsMax}`,
    'queue_qos0_messages false',
    'set_tcp_nodelay true',
    '',
    '# Nothing is kept on disk: what must not be lost waits for a receipt. Lists are published anew after a restart.',
    'persistence false',
    'persistent_client_expiration 1h',
    '# No $SYS topics.',
    'sys_interval 0',
    'log_dest stderr',
    'log_type error',
    'log_type warning',
    'log_type notice',
  ];
  return `${lines.join('\n')}\n`;
}

function accessOf(identity: Identity): string {
  const { publish, subscribe } = grantsOf(identity);
  const lines = [
    `user ${identity.clientId}`,
    ...publish.map(({ filter }) => `topic write ${filter}`),
    ...subscribe.map((filter) => `topic read ${filter}`),
  ];
  return `\n${lines.join('\n')}\n`;
}
