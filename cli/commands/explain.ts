/** `kvytok explain`: why a tap cost what it cost. */
import { parseArgs } from 'node:util';
import { parseRecordId } from '#contracts/ids.ts';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import { loadCity } from '#platform/city-data.ts';
import { type Explanation, explainTap, formatExplanation } from '../../fare-engine/explain-tap.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';

export const usage = `Usage: kvytok explain TAP [--lang uk|en|de|pl] [--json] [--data DIR]

Shows each step of a tap's price with its legal act and article, the postings, and every earlier revision. TAP is the
id that the map, the reports and \`kvytok tap\` show: <device>.<epoch>.<seq>.

  --lang   language of the texts; Ukrainian when none is given
  --json   everything as one JSON object
  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role auditor_runtime), or the city of this checkout
`;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { lang: { type: 'string' }, json: { type: 'boolean' }, data: { type: 'string' } },
  });
  const [tapId, ...rest] = positionals;
  if (tapId === undefined || rest.length > 0) throw new UsageError('one TAP is needed');
  if (parseRecordId(tapId) === undefined)
    throw new UsageError(`${JSON.stringify(tapId.slice(0, 80))} is no tap id (<device>.<epoch>.<seq>)`);
  const language = languageOf(values.lang);
  const { pool, cityDir } = openAuditDatabase(values.data, io);
  try {
    const explanation = await explainTap(pool, tapId);
    if (explanation === null) {
      io.stderr.write(`No tap ${tapId} has been priced here. It may still be on its way from the vehicle.\n`);
      return EXIT.failed;
    }
    const zone = cityDir === null ? undefined : loadCity(cityDir).city.zone;
    io.stdout.write(
      values.json === true ? toJson(explanation) : formatExplanation(explanation, language, zone),
    );
    return EXIT.ok;
  } finally {
    await pool.end();
  }
}

function languageOf(text: string | undefined): Language {
  if (text === undefined) return 'uk';
  if ((LANGUAGES as readonly string[]).includes(text)) return text as Language;
  throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
}

function toJson(explanation: Explanation): string {
  const text = JSON.stringify(
    explanation,
    (_key, item) => (typeof item === 'bigint' ? item.toString() : item),
    2,
  );
  return `${text}\n`;
}
