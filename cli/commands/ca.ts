/** `kvytok ca`: the city's device authority, and certificates of the city's own parts. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DeviceId } from '#contracts/ids.ts';
import { parserOf } from '#contracts/parse.ts';
import { systemClock } from '#platform/clock.ts';
import { recordClients, revokeService } from '../../ingest/enrolment/adapters/device-office.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { openCertificate, openCityCa } from '../city/device-ca.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export const usage = `Usage: kvytok ca init --ca DIR
       kvytok ca server --ca DIR --out DIR --names HOST[,HOST…]
       kvytok ca service CLIENT --role ingest|lists|monitor --ca DIR --out DIR
       kvytok ca revoke CLIENT --reason TEXT

init      makes the authority in DIR (device-ca-key.pem, device-ca.pem), once; prints the hash that devices compare
server    certificate of a broker for the names under which devices dial it: broker.key.pem, broker.cert.pem
service   certificate of a part of the city that connects to the broker: CLIENT.key.pem, CLIENT.cert.pem; recorded in
          the database (KVYTOK_POSTGRES_URL, role office_runtime, or --data DIR of a running city)
revoke    takes back every certificate of such a part, at once; remove its two files before "service" makes new ones

Certificates are good for 90 days. The same command makes them anew when less than half of that is left; brokers and
services take the new files without a restart.
`;

const OPTIONS = {
  ca: { type: 'string' },
  out: { type: 'string' },
  names: { type: 'string' },
  role: { type: 'string' },
  reason: { type: 'string' },
  data: { type: 'string' },
} as const;

const ROLES = ['ingest', 'lists', 'monitor'] as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [what, clientId, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === undefined || !['init', 'server', 'service', 'revoke'].includes(what))
    throw new UsageError('init, server, service or revoke is needed');
  if (what === 'revoke') return revoke(clientId, values, io);
  const ca = await openCityCa(folderOf(values.ca, '--ca', io));
  if (what === 'init') {
    io.stdout.write(`${ca.sha256}\n`);
    return EXIT.ok;
  }
  const out = folderOf(values.out, '--out', io);
  if (what === 'server') {
    const names = values.names?.split(',').filter((name) => name !== '') ?? [];
    if (names.length === 0) throw new UsageError('under which names? Give --names HOST[,HOST…]');
    const use = { kind: 'server', names } as const;
    return told(await openCertificate(ca, out, { name: 'kvytok broker', fileName: 'broker', use }), io);
  }
  const role = ROLES.find((name) => name === values.role);
  if (clientId === undefined || !parserOf(DeviceId)(clientId).ok)
    throw new UsageError('which client? An id has 2 to 63 lower-case letters, digits and -');
  if (role === undefined) throw new UsageError(`--role takes one of ${ROLES.join(', ')}`);
  const { pool } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    const files = await openCertificate(ca, out, { name: clientId, use: { kind: 'client' } });
    await recordClients(pool, [{ role, certificate: files.certificate }]);
    return told(files, io);
  } finally {
    await pool.end();
  }
}

async function revoke(
  clientId: string | undefined,
  { reason, data }: { readonly reason?: string; readonly data?: string },
  io: CommandIo,
): Promise<number> {
  if (clientId === undefined || !parserOf(DeviceId)(clientId).ok) throw new UsageError('which client?');
  if (!reason) throw new UsageError('why? Give --reason TEXT');
  const { pool } = openAuditDatabase(data, io, 'office_runtime');
  try {
    const certificates = await revokeService(pool, { clientId, reason, nowMs: systemClock.nowMs() });
    io.stdout.write(`${clientId}: ${certificates} certificates revoked.\n`);
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function told(
  files: { certFile: string; keyFile: string; certificate: { notAfterMs: number } },
  io: CommandIo,
): number {
  const until = new Date(files.certificate.notAfterMs).toISOString().slice(0, 10);
  io.stdout.write(`${files.certFile}\n${files.keyFile}\n`);
  io.stderr.write(`Good until ${until}.\n`);
  return EXIT.ok;
}

function folderOf(option: string | undefined, name: string, io: CommandIo): string {
  if (option === undefined) throw new UsageError(`${name} DIR is needed`);
  return resolve(io.cwd, option);
}
