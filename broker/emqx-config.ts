/**
 * Configuration of EMQX 5, written from its documentation and never run: EMQX was not to be had where this was built.
 * `kvytok.hocon` is included from `emqx.conf`; users come from a file of hashes, access from a file of rules.
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

/**
 * Devices and services get a listener each, on neighbouring ports: rates are set by listener, and ingest answers
 * everybody. By secret EMQX compares the same SHA-256 that the embedded broker has; by certificate the common name is
 * user and client id, and the rules alone decide who is known.
 */
export const emqxConfig: ServerConfigGenerator = (input) => {
  const clients = [...input.identities.values()];
  const bySecret = input.tls === undefined;
  const known = clients.filter((client) =>
    bySecret ? client.secretSha256 !== undefined : client.certificates.size > 0,
  );
  if (input.listen.port >= 65_535) return refuse('the port after it is needed too', '/listen');
  const files: ConfigFile[] = [
    { name: 'kvytok.hocon', text: mainFile(input), secret: false },
    { name: 'acl.conf', text: `%% ${GENERATED}\n${known.map(rulesOf).join('')}{deny, all}.\n`, secret: true },
  ];
  if (bySecret) files.push({ name: 'users.csv', text: usersFile(known), secret: true });
  return { ok: true, value: files };
};

function usersFile(known: readonly Identity[]): string {
  const lines = known.map(
    ({ clientId, secretSha256 }) => `${clientId},${secretSha256?.toString('hex')},,false`,
  );
  return `${['user_id,password_hash,salt,is_superuser', ...lines].join('\n')}\n`;
}

function listener(name: string, port: number, rates: readonly string[], input: ServerConfigInput): string[] {
  const { listen, limits, tls } = input;
  const kind = tls === undefined ? 'tcp' : 'ssl';
  return [
    `listeners.${kind}.${name} {`,
    `  bind = "${listen.host}:${port}"`,
    `  max_connections = ${limits.connectionsMax}`,
    ...rates.map((rate) => `  ${rate}`),
    ...(tls === undefined
      ? []
      : [
          '  ssl_options {',
          `    cacertfile = ${JSON.stringify(tls.ca)}`,
          `    certfile = ${JSON.stringify(tls.cert)}`,
          `    keyfile = ${JSON.stringify(tls.key)}`,
          '    verify = verify_peer',
          '    fail_if_no_peer_cert = true',
          '    versions = ["tlsv1.3"]',
          '  }',
        ]),
    '}',
  ];
}

function mainFile(input: ServerConfigInput): string {
  const { limits, listen, folder, tls } = input;
  const rates = [
    `max_conn_rate = "${limits.connectionsPerSecond}/s"`,
    `messages_rate = "${limits.messagesPerSecond}/s"`,
    `bytes_rate = "${Math.floor(limits.bytesPerSecond / 1024)}KB/s"`,
  ];
  const lines = [
    `# ${GENERATED}`,
    '# In emqx.conf: include "<this file>"',
    ...['tcp', 'ssl', 'ws', 'wss'].map((kind) => `listeners.${kind}.default.enable = false`),
    ...listener('devices', listen.port, rates, input),
    '# For ingest, lists and monitors: no rates, since they speak for the whole city.',
    ...listener('services', listen.port + 1, [], input),
    'mqtt {',
    `  max_packet_size = ${Math.ceil(limits.packetBytesMax / 1024)}KB`,
    '  max_qos_allowed = 1',
    `  max_inflight = ${limits.inflightMax}`,
    `  max_mqueue_len = ${limits.queuedMax}`,
    '  mqueue_store_qos0 = false',
    '  idle_timeout = "10s"',
    '  session_expiry_interval = "1h"',
    ...(tls === undefined
      ? ['  use_username_as_clientid = true']
      : ['  peer_cert_as_username = cn', '  peer_cert_as_clientid = cn']),
    '}',
    'sys_topics { sys_msg_interval = disabled, sys_heartbeat_interval = disabled }',
    ...(tls === undefined
      ? [
          'authentication = [{',
          '  mechanism = password_based, backend = built_in_database, user_id_type = username',
          '  password_hash_algorithm { name = sha256, salt_position = disable }',
          `  bootstrap_file = ${JSON.stringify(`${folder}/users.csv`)}, bootstrap_type = hash`,
          '}]',
        ]
      : [
          '# Certificates alone: whoever has one and stands in no rule may do nothing.',
          'authentication = []',
        ]),
    'authorization {',
    '  no_match = deny',
    '  deny_action = disconnect',
    `  sources = [{ type = file, enable = true, path = ${JSON.stringify(`${folder}/acl.conf`)} }]`,
    '}',
  ];
  return `${lines.join('\n')}\n`;
}

function rulesOf(identity: Identity): string {
  const { publish, subscribe } = grantsOf(identity);
  const who = `{username, ${JSON.stringify(identity.clientId)}}`;
  const publishing = publish.map(({ filter, retain }) => {
    const how = retain ? '[{qos, [0, 1]}]' : '[{qos, [0, 1]}, {retain, false}]';
    return `{allow, ${who}, {publish, ${how}}, [${JSON.stringify(filter)}]}.\n`;
  });
  // `eq` compares the filter as a text: no wildcard reaches further than the one that is named.
  const filters = subscribe.map((filter) => `{eq, ${JSON.stringify(filter)}}`).join(', ');
  const hearing = subscribe.length === 0 ? [] : [`{allow, ${who}, subscribe, [${filters}]}.\n`];
  return [...publishing, ...hearing].join('');
}
