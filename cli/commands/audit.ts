/** `kvytok audit`: exports of facts and of the log, their verification, the reconciliation, and what is in quarantine. */
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { reconcile } from '../../fare-engine/reconcile.ts';
import { runAnomalies } from '../audit/anomalies.ts';
import { runClaim } from '../audit/claim.ts';
import { daysOf, type ExportedDays, exportFactsFile } from '../audit/export-facts-file.ts';
import { exportFolder } from '../audit/export-folder.ts';
import { runProve } from '../audit/prove.ts';
import { runReport } from '../audit/report.ts';
import { runRepriceCommand, workersOf } from '../audit/reprice.ts';
import { untilStopped } from '../audit/until-stopped.ts';
import { runVerify } from '../audit/verify.ts';
import { runWitness } from '../audit/witness.ts';
import { type AuditDatabase, openAuditDatabase } from '../audit-database.ts';
import { runQuarantine } from '../audit-quarantine.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export const usage = `Usage: kvytok audit export --day DATE | --from DATE --until DATE  --out FILE [--data DIR] [--city DIR]
       kvytok audit export --log DIR [--day DATE | --from DATE --until DATE] [--data DIR] [--city DIR]
       kvytok audit verify --export DIR [--key KEY] [--checkpoint FILE]… [--witness KEY]… [--need K]
       kvytok audit verify --proof FILE --key KEY [--witness KEY]… [--need K]
       kvytok audit prove --export DIR --tap TAP | --entitlement ID | --pass ID | --leaf N  --out FILE [--key KEY]
       kvytok audit witness --from URL|DIR --key KEY --state DIR --witness-key FILE --name NAME [--out FILE]
       kvytok audit claim CARRIER PERIOD [--funding ID] --out DIR [--sign-key FILE] [--lang uk|en|de|pl]
                          [--data DIR] [--city DIR]
       kvytok audit claim verify DIR --key KEY
       kvytok audit report --period PERIOD [--by carrier|category|route|funding] [--format table|csv|json] [--data DIR]
       kvytok audit reconcile [--data DIR]
       kvytok audit reprice --day DATE | --from DATE --until DATE [--reasons] [--workers N] [--data DIR] [--city DIR]
       kvytok audit anomalies run --day DATE | --from DATE --until DATE  --who NAME | --dry
       kvytok audit anomalies list [--from DATE] [--until DATE] [--rule RULE] [--verdict open|confirmed|dismissed]
                             [--lang uk|en|de|pl] [--json | --csv]
       kvytok audit anomalies review FINDING --verdict confirmed|dismissed --reason TEXT --who NAME
       kvytok audit quarantine list [--reason CODE] [--waiting] | show ID | replay [--who NAME]  [--data DIR]

export      writes the facts of fare days as a bundle that \`kvytok price --facts FILE\` re-prices offline: taps with
            account and place, entitlements, closes, tariffs by hash with their activation, and what the day before
            handed on to each account. --until is exclusive. With --log the audit log as a folder: checkpoint, tiles of
            hashes, entries, public keys; with days as well, their facts stand beside it as facts.ndjson. \`waiting\` counts
            what had no price yet: of such days kvytok price --log may find differences that are gone in a later export. Ctrl-C ends
            it, with nothing left behind.
verify      checks an exported log without any database, from its first entry to its signed root, and names the first leaf
            that does not fit. A --checkpoint that somebody kept must lie on the way; --need K of the --witness keys must
            have countersigned (default: all). Without --key the export's own key is used, which proves nothing about
            who made it. What else lies in the folder is named. With --proof the proof of one entry.
prove       takes the decision that stands for a tap, the last word on an entitlement or a pass (granted, sold, brought over
            by an import, revoked) or a leaf by its number out of an export, with its proof.
witness     for somebody outside the city: proves that the log begins with what was seen last (--state), remembers the
            new state and countersigns it. A log that contradicts itself is refused, and both states are kept.
claim       writes a carrier's compensation claim as a signed folder: claim.json, lines.csv, taps.csv, claim.pdf, objections and
            a proof for each decision; verify checks such a folder alone and names the first thing that does not fit.
report      rides, concession rides and revenue of a month, as they stand now
reconcile   asks the database whether everything adds up; exit code 1 when it does not.
reprice     computes every tap of these days again from the facts in the database, on all cores, and sets each beside the
            decision and the postings that stand for it, to the smallest unit; names the first differences and counts all
            (exit code 1). --reasons compares the steps of each price as well. Ctrl-C ends it: the answer then says up to
            which day it holds. What the days before handed on is taken as it was stored; start earlier to prove it.
anomalies   looks for what cannot be in the taps of some days (docs/ANOMALIES.md): run keeps what it finds, --dry shows it
            only; list shows what stands, with a sentence for each; review keeps a person's word. Both wait for
            the engine's answer where it can be read (--no-wait: they do not); a refusal is exit code 1. A finding changes no price and
            denies no card.
quarantine  single records of proven devices that were put aside: by reason with what became of them, one of them with
            its bytes; replay takes in what was of an unknown kind once and is known to this version of ingest.

  --key    public key of the log (name+id+base64), or a file with such keys, one a line
  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime; replay and
           what anomalies keeps: office_runtime, by KVYTOK_OFFICE_POSTGRES_URL where both are needed)
  --city   folder of the city's data, for its tariffs; otherwise that of the running city, or KVYTOK_CITY_DIR
`;

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  ...{ funding: text, by: text, 'sign-key': text, period: text, format: text },
  ...{ day: text, from: text, until: text, out: text, data: text, city: text, log: text },
  ...{ reason: text, waiting: flag, who: text, reasons: flag, workers: text, 'no-wait': flag },
  ...{ rule: text, verdict: text, lang: text, dry: flag, json: flag, csv: flag },
  ...{ export: text, proof: text, key: texts, checkpoint: texts, witness: texts, need: text },
  ...{ tap: text, leaf: text, entitlement: text, pass: text, state: text, 'witness-key': text, name: text },
} as const;

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
type Values = ReturnType<typeof parse>['values'];

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, ...words] = positionals;
  if (what === 'quarantine') return runQuarantine(words, values, io);
  if (what === 'anomalies') return runAnomalies(words, values, io);
  if (what === 'claim') return runClaim(words, values, io);
  if (words.length > 0) throw new UsageError(`${what} takes options only, not ${JSON.stringify(words[0])}`);
  switch (what) {
    case 'verify':
      return runVerify(values, io);
    case 'prove':
      return runProve(values, io);
    case 'witness':
      return runWitness(values, io, Date.now());
    case 'export':
      return runExport(values, io);
    case 'reprice':
      return runReprice(values, io);
    case 'report':
      return runReport(values, io);
    case 'reconcile':
      return withDatabase(values, io, (database) => runReconcile(database, io));
    default:
      throw new UsageError(
        'export, verify, prove, witness, claim, report, reconcile, reprice, anomalies or quarantine is needed',
      );
  }
}

interface StoppableDatabase extends AuditDatabase {
  readonly signal: AbortSignal;
}

async function withDatabase(
  values: Values,
  io: CommandIo,
  work: (database: AuditDatabase) => Promise<number>,
): Promise<number> {
  const database = openAuditDatabase(values.data, io);
  try {
    return await work(database);
  } finally {
    await database.pool.end();
  }
}

async function runReconcile({ pool }: AuditDatabase, io: CommandIo): Promise<number> {
  const found = await reconcile(pool);
  io.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  return found.problems.length === 0 ? EXIT.ok : EXIT.failed;
}

async function runExport(values: Values, io: CommandIo): Promise<number> {
  const { log, out } = values;
  const named = [values.day, values.from, values.until].some((day) => day !== undefined);
  const days = named || log === undefined ? daysOf(values) : null;
  if ((log === undefined) === (out === undefined))
    throw new UsageError('--out FILE for facts, or --log DIR for the log, is needed');
  return withDatabase(values, io, async (database) => {
    const exported = await untilStopped((signal) => {
      const facts = async (file: string) =>
        days === null ? {} : { ...days, ...(await factsTo(file, days, values, { ...database, signal }, io)) };
      return exportTo(log, out, { ...database, signal }, facts, io);
    }, io);
    if (exported !== null) io.stdout.write(`${JSON.stringify(exported)}\n`);
    return exported === null ? EXIT.failed : EXIT.ok;
  });
}

/** What is told of the folder of the log, or of the file of facts alone. */
async function exportTo(
  log: string | undefined,
  out: string | undefined,
  { pool, signal }: StoppableDatabase,
  facts: (file: string) => Promise<object>,
  io: CommandIo,
): Promise<object> {
  if (log === undefined) {
    const file = resolve(io.cwd, out as string);
    return { out: file, ...(await facts(file)) };
  }
  const dir = resolve(io.cwd, log);
  let counts = {};
  const beside = async (partial: string): Promise<void> => {
    counts = await facts(join(partial, 'facts.ndjson'));
  };
  return { log: dir, ...(await exportFolder(pool, dir, io, beside, signal)), ...counts };
}

async function runReprice(values: Values, io: CommandIo): Promise<number> {
  const wish = { ...daysOf(values), workers: workersOf(values.workers), reasons: values.reasons === true };
  return withDatabase(values, io, (database) =>
    runRepriceCommand(database, cityOf(values, database, io), wish, io),
  );
}

function cityOf(values: Values, database: AuditDatabase, io: CommandIo): string {
  const cityDir = values.city === undefined ? database.cityDir : resolve(io.cwd, values.city);
  if (cityDir === null) throw new UsageError('--city DIR is needed to find the tariffs');
  return cityDir;
}

async function factsTo(
  file: string,
  days: ExportedDays,
  values: Values,
  database: StoppableDatabase,
  io: CommandIo,
) {
  const cityDir = cityOf(values, database, io);
  const counts = await exportFactsFile(database.pool, cityDir, days, file, database.signal);
  if (counts.waiting > 0)
    io.stderr.write(
      `${counts.waiting} records and account-days still waited for their price: those of these days differ from the log until they have it.\n`,
    );
  return counts;
}
