/** `kvytok claims`: compensation claims between carrier and department, from the draft to both sides' agreement. */
import { parseArgs } from 'node:util';
import { formatMoney } from '#contracts/money.ts';
import { rowsOf } from '../../fare-engine/database-reader.ts';
import {
  type ActSide,
  type ClaimAct,
  claimStatement,
} from '../../fare-engine/settlement/signature-schemes.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { handIn } from '../hand-in.ts';
import { signatureOf } from '../settle/sign-statement.ts';

export const usage = `Usage: kvytok claims draft PERIOD --by NAME
       kvytok claims list [--period PERIOD] [--json]
       kvytok claims objections CLAIM [--json]
       kvytok claims submit CLAIM --version N --side SIDE --by NAME SIGN
       kvytok claims object CLAIM --version N --side SIDE --line LINE | --tap REF --reason CODE --words TEXT --by NAME SIGN
       kvytok claims answer CLAIM --version N --side SIDE --objection ID --words TEXT --by NAME SIGN
                            --reject | --accept --correct=MINOR --in new-version|next-month
       kvytok claims agree CLAIM --version N --side SIDE --by NAME SIGN
SIGN is    --sha256 HASH --signer ID --key PRIVATE.pem | --statement FILE | --signature FILE

draft       makes the claims of a settled month, one for each carrier, payer and currency
list        the newest version of each claim, its state, its hash, and what was refused last
submit      hands a draft over; object, answer, agree   the matter between the two sides: nobody answers his own objection
answer      accepted: by how much the line is corrected (minor units, signed), in a new version or in the next month's claim
agree       to exactly the version with this hash; when both sides have, nothing more changes

Whoever speaks for a side signs what it says of the version with this hash. --statement writes down what has to be signed; a tool of
one's own signs that file (detached, CAdES-BES), and the same call with --signature hands its .p7s in. --key signs for development.
kvytok settle signer names signers. draft, submit, object, answer and agree wait for the engine's answer where it can be read
(draft as long as it takes, with --no-wait none of them); a refusal is exit code 1.

PERIOD is YYYY-MM, SIDE carrier or department. CLAIM, LINE and REF stand in list and in the bundle (kvytok audit claim).
CODE is wrong-amount, wrong-rides, wrong-route-or-carrier, no-right, anomaly, vat, limit or other.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (list, objections: role auditor_runtime; else
           office_runtime)
`;

const text = { type: 'string' } as const;
const flag = { type: 'boolean' } as const;
const OPTIONS = {
  ...{ by: text, period: text, json: flag, version: text, side: text, line: text, tap: text, reason: text },
  ...{
    words: text,
    objection: text,
    reject: flag,
    accept: flag,
    correct: text,
    in: text,
    sha256: text,
    data: text,
  },
  ...{ signer: text, key: text, statement: text, signature: text, 'no-wait': flag },
} as const;
function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
type Values = ReturnType<typeof parse>['values'];

const KINDS = {
  draft: 'draft-claims',
  submit: 'submit-claim',
  object: 'object-claim',
  answer: 'answer-objection',
  agree: 'agree-claim',
} as const;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, subject, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === 'list' && subject === undefined) return list(values, io);
  if (what === 'objections' && subject !== undefined) return objections(subject, values, io);
  if (what === undefined || subject === undefined || !Object.hasOwn(KINDS, what))
    throw new UsageError(
      'draft, list, objections, submit, object, answer or agree is needed, with its subject',
    );
  return submit(what as keyof typeof KINDS, subject, values, io);
}

async function submit(
  what: keyof typeof KINDS,
  subject: string,
  values: Values,
  io: CommandIo,
): Promise<number> {
  if (what === 'answer' && values.accept === values.reject)
    throw new UsageError('--accept or --reject is needed');
  const kind = KINDS[what];
  const said = payloadOf(what, subject, values);
  const signature = what === 'draft' ? undefined : signatureOf(statementOf(what, said, values), values, io);
  if (signature === null) return EXIT.ok;
  const payload = { ...said, ...(signature !== undefined && { signerId: values.signer, signature }) };
  const by = values.by ?? 'kvytok claims';
  return handIn(kind, payload, values, io, {
    by,
    ...(what === 'draft' && { patience: 'as-long-as-it-takes' }),
  });
}

/** What is signed of a claim. */
function statementOf(act: 'submit' | 'object' | 'answer' | 'agree', said: object, values: Values): string {
  const { sha256, signer } = values;
  if (sha256 === undefined || signer === undefined)
    throw new UsageError(
      '--sha256 HASH of the version and --signer ID are needed (kvytok claims list, kvytok settle list)',
    );
  const of = said as { claimId: string; version: number; side: ActSide };
  return claimStatement({ ...of, sha256 }, { ...said, act } as ClaimAct);
}

/** Fields that were not given stay away: the engine's schema says what is missing. */
function payloadOf(what: keyof typeof KINDS, subject: string, values: Values): object {
  const { by, side, words, sha256, reason } = values;
  const version = values.version === undefined ? undefined : Number(values.version);
  const of = { claimId: subject, version, side, by };
  const fields = {
    draft: { period: subject, by },
    submit: of,
    object: { ...of, lineId: values.line, tapRef: values.tap, reason, words },
    answer: {
      ...of,
      objectionId: values.objection,
      accepted: values.accept === true,
      words,
      remedy: values.in,
      correctionMinor: values.correct,
    },
    agree: { ...of, sha256 },
  }[what];
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

interface ClaimRow {
  readonly claimId: string;
  readonly version: number;
  readonly state: string;
  readonly currency: string;
  readonly claimedMinor: string;
  readonly unfundedMinor: string;
  readonly rides: number;
  readonly sha256: string;
  readonly waiting: number;
}

async function list(values: Values, io: CommandIo): Promise<number> {
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const rows = await rowsOf<ClaimRow>(
      pool,
      `SELECT claim_id AS "claimId", version, state, currency, claimed_minor::text AS "claimedMinor",
         unfunded_minor::text AS "unfundedMinor", rides::float8 AS rides, sha256, objections_waiting::float8 AS waiting
       FROM fare.published_claim WHERE $1::text IS NULL OR period = $1 ORDER BY period, claim_id LIMIT 10000`,
      [values.period ?? null],
    );
    const [refused] = await rowsOf<{ kind: string; reason: string; detail: string }>(
      pool,
      `SELECT kind, reason, detail FROM fare.command_refusal WHERE kind = ANY ($1::text[]) ORDER BY refusal_id DESC LIMIT 1`,
      [Object.values(KINDS)],
    );
    if (values.json === true) {
      io.stdout.write(`${JSON.stringify({ claims: rows, lastRefusal: refused ?? null }, null, 2)}\n`);
      return EXIT.ok;
    }
    const width = Math.max(5, ...rows.map(({ claimId }) => claimId.length));
    for (const row of rows) io.stdout.write(claimLine(row, width));
    if (refused !== undefined)
      io.stdout.write(`last refused: ${refused.kind} ${refused.reason} (${refused.detail})\n`);
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function claimLine(row: ClaimRow, width: number): string {
  const money = (minor: string) => formatMoney({ amountMinor: BigInt(minor), currency: row.currency }, 'en');
  return (
    `${row.claimId.padEnd(width)}  v${row.version}  ${row.state.padEnd(13)} ${String(row.rides).padStart(8)} rides ` +
    `${money(row.claimedMinor).padStart(16)}  unfunded ${money(row.unfundedMinor)}  ${row.sha256}\n`
  );
}

async function objections(claimId: string, values: Values, io: CommandIo): Promise<number> {
  const { pool } = openAuditDatabase(values.data, io);
  try {
    const rows = await rowsOf<Record<string, string | number | boolean | null>>(
      pool,
      `SELECT objection_id AS "objectionId", version, side, line_id AS "lineId", tap_ref AS "tapRef", reason, words, who,
         accepted, answer, remedy, correction_minor::text AS "correctionMinor", answered_by AS "answeredBy"
       FROM fare.published_claim_objection WHERE claim_id = $1 ORDER BY known_from_ms, objection_id LIMIT 10000`,
      [claimId],
    );
    if (values.json === true) io.stdout.write(`${JSON.stringify(rows, null, 2)}\n`);
    else
      for (const row of rows) {
        const state = row['accepted'] === null ? 'waits' : row['accepted'] === true ? 'accepted' : 'rejected';
        const of = row['tapRef'] === null ? `line ${row['lineId']}` : `tap ${row['tapRef']}`;
        io.stdout.write(
          `${row['objectionId']}  ${row['side']} ${row['who']}: ${row['reason']} of ${of}, ${row['words']}\n`,
        );
        const answer = row['accepted'] === null ? '' : `: ${row['answer']} (${row['answeredBy']})`;
        const by =
          row['correctionMinor'] === null ? '' : `, by ${row['correctionMinor']} in the ${row['remedy']}`;
        io.stdout.write(`    ${state}${answer}${by}\n`);
      }
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}
