/**
 * Configuration of NATS 2 with its MQTT gateway (tried with nats-server 2.9.10). Clients are known by certificate:
 * NATS stores secrets in the clear or as bcrypt, and enrolment has neither; a certificate's subject `CN=<client id>` is
 * the user. Identities change by writing the file anew and SIGHUP.
 */
import { refuse } from '#contracts/parse.ts';
import { grantsOf } from './access-grants.ts';
import type { Identity } from './identity.ts';
import { GENERATED, type ServerConfigGenerator } from './server-config.ts';

/** Written into the folder by nats-server itself. */
export const NATS_PID_FILE = 'nats.pid';

/** One file, `nats.conf`. Refused without TLS: there would be nothing to know a client by. */
export const natsConfig: ServerConfigGenerator = (input) => {
  const { identities, limits, listen, folder, tls } = input;
  if (tls === undefined) return refuse('NATS knows clients by certificate: TLS files are needed', '/tls');
  const lines = [
    `# ${GENERATED}`,
    'server_name: kvytok',
    '# NATS clients of its own protocol are for people on this machine; devices come by MQTT.',
    'listen: "127.0.0.1:-1"',
    `pid_file: ${quoted(`${folder}/${NATS_PID_FILE}`)}`,
    `max_connections: ${limits.connectionsMax}`,
    `max_payload: ${limits.packetBytesMax}`,
    'write_deadline: "10s"',
    '# QoS 1, retained messages and wills live in JetStream, on disk; what must not be lost waits for a receipt anyway.',
    `jetstream { store_dir: ${quoted(`${folder}/jetstream`)}, max_mem: 64MB, max_file: ${limits.memoryBytesMax} }`,
    'mqtt {',
    `  listen: ${quoted(`${listen.host}:${listen.port}`)}`,
    `  max_ack_pending: ${limits.inflightMax}`,
    '  ack_wait: "30s"',
    `  tls { ca_file: ${quoted(tls.ca)}, cert_file: ${quoted(tls.cert)}, key_file: ${quoted(tls.key)}`,
    '        verify_and_map: true, timeout: 10 }',
    '}',
    'authorization { users: [',
    ...[...identities.values()].filter(({ certificates }) => certificates.size > 0).map(userOf),
    '] }',
  ];
  return { ok: true, value: [{ name: 'nats.conf', text: `${lines.join('\n')}\n`, secret: true }] };
};

/** The gateway delivers QoS 1 on subjects of its own, `$MQTT.sub.<random>`, of which a client learns only its own. */
const GATEWAY = '$MQTT.sub.>';

function userOf(identity: Identity): string {
  const { publish, subscribe } = grantsOf(identity);
  const may = publish.flatMap(({ filter }) => subjectsOf(filter));
  const hears = [...subscribe.flatMap(subjectsOf), GATEWAY];
  // An empty list would allow everything: deny it in words.
  const publishing = may.length === 0 ? '{ deny: ">" }' : `{ allow: [${may.map(quoted).join(', ')}] }`;
  const hearing = `{ allow: [${hears.map(quoted).join(', ')}] }`;
  return (
    `  { user: ${quoted(`CN=${identity.clientId}`)}, allowed_connection_types: ["MQTT"],\n` +
    `    permissions: { publish: ${publishing},\n                   subscribe: ${hearing} } }`
  );
}

/** An MQTT filter as NATS subjects: `a/+/b` → `a.*.b`; `a/#` takes `a` too, which `a.>` does not. */
function subjectsOf(filter: string): string[] {
  const subject = filter.replaceAll('/', '.').replaceAll('+', '*');
  return subject.endsWith('.#') ? [subject.slice(0, -2), `${subject.slice(0, -1)}>`] : [subject];
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
