/** `kvytok quote`: JSON lines of journeys in, JSON lines of prices out, on any GTFS feed with Fares v2. */
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { createFarePricer } from '../../fare-engine/pricing/fares-v2/fare-pricer.ts';
import { formatFileProblem } from '../../fare-engine/pricing/file-problem.ts';
import { quoteLine } from '../../fare-engine/pricing/quote.ts';
import { QUOTE_LINE_BYTES_MAX, quoteError } from '../../fare-engine/pricing/quote-request.ts';
import { loadFeed } from '../../fare-engine/tariffs/load-feed.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { type InputLine, lineWriter, readLines } from '../line-streams.ts';

export const usage = `Usage: kvytok quote --tariff DIR [--gtfs DIR] < journeys.jsonl

What journeys cost. DIR is a tariff package or any GTFS feed with Fares v2, a folder or a zip archive; files that it
lacks come from --gtfs (no fares, where it has leg rules of its own).

One JSON line in for each journey:
  {"id":"1","legs":[{"routeId":"T5","fromStopId":"a","toStopId":"b",
   "departure":"2025-10-14T08:00","arrival":"2025-10-14T08:20"}],"fareMediaId":"…","riderCategoryId":"…"}
Times are ISO 8601 with an offset or Z, or wall time of the feed without one. Without fareMediaId every medium of the
feed is priced, without riderCategoryId the feed's default category.

One JSON line out for each: {"id","currency","totals":{"<fareMediaId>":"1200" or null},"lines","explanation"}, amounts
in minor units; or {"id","error":{"code","message"}} for a line that cannot be read. Problems of the feed go to stderr.
`;

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args, options: { tariff: { type: 'string' }, gtfs: { type: 'string' } } });
  if (values.tariff === undefined) throw new UsageError('--tariff DIR is needed');
  const gtfs = values.gtfs === undefined ? undefined : resolve(io.cwd, values.gtfs);
  const loaded = await loadFeed(resolve(io.cwd, values.tariff), gtfs);
  for (const problem of loaded.problems) io.stderr.write(`${formatFileProblem(problem)}\n`);
  if (!loaded.ok) {
    io.stderr.write('The feed has errors: nothing was priced. Mend the lines above.\n');
    return EXIT.failed;
  }
  const pricer = createFarePricer(loaded.feed);
  const out = lineWriter(io.stdout);
  for await (const line of readLines(io.stdin, QUOTE_LINE_BYTES_MAX)) {
    if (line.ok && line.text.trim() === '') continue;
    const answer = line.ok ? quoteLine(pricer, line.text) : unreadable(line);
    if (!(await out.write(JSON.stringify(answer)))) break;
  }
  return EXIT.ok;
}

function unreadable({ why, bytes }: Extract<InputLine, { ok: false }>) {
  if (why === 'not-utf8') return quoteError(null, 'QUOTE_NOT_JSON', 'not UTF-8');
  return quoteError(
    null,
    'QUOTE_LINE_TOO_LONG',
    `a line of ${bytes} bytes; at most ${QUOTE_LINE_BYTES_MAX} are taken`,
  );
}
