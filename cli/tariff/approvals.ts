/** `kvytok tariff approvals`: who signed for which package, and whether it holds; from a database or from an export alone. */
import { createReadStream, existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { decodeJsonText } from '#contracts/parse.ts';
import { readTariffStatement } from '#contracts/tariff-approval.ts';
import { BUNDLE_LINE_CHARS_MAX, readBundleHeader } from '#pricing/fact-bundle.ts';
import { readOfficers } from '../../fare-engine/adapters/approval-files.ts';
import { listApprovals } from '../../fare-engine/list-approvals.ts';
import { verifyApproval } from '../../fare-engine/tariff-life/verify-approval.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { OFFICE_OPTIONS, openTariffOffice } from './office.ts';

/** What was signed about one package, and when the engine took it; null: always known. */
interface Signed {
  readonly packageHash: string;
  readonly act: 'activate' | 'withdraw';
  readonly knownFromMs: number | null;
  readonly statements: readonly string[];
}

/** Exit code 0 when every signature holds, 1 when one does not. */
export async function tariffApprovals(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { ...OFFICE_OPTIONS, facts: { type: 'string' }, json: { type: 'boolean', default: false } },
  });
  if (positionals.length > 0) throw new UsageError('write: kvytok tariff approvals [--facts BUNDLE]');
  if (values.data === undefined && values.city === undefined)
    throw new UsageError('--data DIR of a running city, or --city DIR with its officers.yaml, is needed');
  const office = openTariffOffice(values, '', io);
  const officers = readOfficers(office.places.officersFile);
  const signed =
    values.facts === undefined
      ? await ofDatabase(values.data, io)
      : await ofBundle(resolve(io.cwd, values.facts));
  let bad = 0;
  for (const { packageHash, act, knownFromMs, statements } of signed) {
    const said = statements.flatMap((envelope) => {
      const read = readTariffStatement(Buffer.from(envelope, 'utf8'));
      return read.ok ? [read.value] : [];
    });
    // The date is the signed one: a package's own is in its files, which its hash names.
    const subject = { act, city: office.cityId, packageHash, validFromMs: said[0]?.validFromMs ?? 0 };
    const atMs = knownFromMs ?? Math.max(0, ...said.map((statement) => statement.atMs));
    const verdict = verifyApproval(
      statements,
      { ...subject, leadSlackMs: Number.POSITIVE_INFINITY },
      officers,
      atMs,
    );
    const problems = verdict.ok ? verdict.ignored : verdict.problems;
    bad += problems.length;
    const who = said.map(({ officer, role, atMs: signedMs, reason }) => ({
      officer,
      role,
      signedMs,
      reason,
    }));
    io.stdout.write(
      values.json
        ? `${JSON.stringify({ packageHash, act, knownFromMs, signed: who, problems })}\n`
        : `${packageHash} ${act}: ${who.map(({ officer, role }) => `${officer} as ${role}`).join(', ') || 'nobody'}: ${problems.map(({ code }) => code).join(', ') || 'holds'}\n`,
    );
  }
  return bad === 0 ? EXIT.ok : EXIT.failed;
}

async function ofDatabase(data: string | undefined, io: CommandIo): Promise<readonly Signed[]> {
  const { pool } = openAuditDatabase(data, io);
  try {
    return await listApprovals(pool);
  } finally {
    await pool.end();
  }
}

/** The header of an export has what was signed beside the packages. */
async function ofBundle(path: string): Promise<readonly Signed[]> {
  if (!existsSync(path)) throw new UsageError(`there is no file ${path}`);
  const stream = createReadStream(path, { end: BUNDLE_LINE_CHARS_MAX });
  const lines = createInterface({ input: stream });
  try {
    for await (const line of lines) {
      const json = decodeJsonText(line);
      const header = json.ok ? readBundleHeader(json.value) : json;
      if (!header.ok) break;
      const { tariffs, withdrawals = [] } = header.value;
      return [
        ...tariffs.map(({ hash: packageHash, knownFromMs, approvals }) => ({
          packageHash,
          act: 'activate' as const,
          knownFromMs: knownFromMs ?? null,
          statements: approvals ?? [],
        })),
        ...withdrawals.map(({ hash: packageHash, knownFromMs, statements }) => ({
          packageHash,
          act: 'withdraw' as const,
          knownFromMs,
          statements,
        })),
      ];
    }
  } finally {
    lines.close();
    stream.destroy();
  }
  throw new UsageError(`${path} does not begin with the header of an export (kvytok audit export)`);
}
