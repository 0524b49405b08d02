/** `kvytok tariff devices`: which validators have which tariffs, since when. */
import { parseArgs } from 'node:util';
import { showTariffDevices, type TariffProof } from '../../fare-engine/show-tariff-devices.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

/** Exit code 0 when every device has what was published last, 1 when one lacks it. */
export async function tariffDevices(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false }, data: { type: 'string' } },
  });
  if (positionals.length > 0) throw new UsageError('write: kvytok tariff devices [--json]');
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const proof = await showTariffDevices(pool);
    io.stdout.write(values.json ? `${JSON.stringify(proof)}\n` : textOf(proof));
    return proof.lack === 0 ? EXIT.ok : EXIT.failed;
  } finally {
    await pool.end();
  }
}

function textOf({ extract, devices, have, lack }: TariffProof): string {
  if (extract === null) return 'no tariff extract was published yet\n';
  const { version, sha256, madeAtMs, packages } = extract;
  return [
    `extract ${version} ${sha256} made ${instant(madeAtMs)}`,
    ...packages.map((p) => `  ${p.versionId} ${p.packageHash} from ${instant(p.validFromMs)}`),
    ...devices.map(({ deviceId, version: held, sinceMs, seenMs, current }) =>
      held === null
        ? `${deviceId}  has none`
        : `${deviceId}  ${current ? 'has it' : `has ${held}`} since ${instant(sinceMs)}, last heard ${instant(seenMs)}`,
    ),
    `${have} have it, ${lack} lack it`,
    '',
  ].join('\n');
}

function instant(ms: number | null): string {
  return ms === null ? '–' : new Date(ms).toISOString();
}
