/** `kvytok settle`: months are settled with the carriers, and the acts are signed. */
import { parseArgs } from 'node:util';
import { type CommandIo, UsageError } from '../command.ts';
import { closeMonth, nameSigner, signActAs } from '../settle/hand-in.ts';
import { listActs, preview, writeAct } from '../settle/show.ts';

export const usage = `Usage: kvytok settle preview PERIOD [--json]
       kvytok settle close PERIOD --who NAME [--no-wait]
       kvytok settle list [--json]
       kvytok settle act CARRIER PERIOD [--lang uk|en|de|pl] [--out DIR]
       kvytok settle signer --as department|carrier [--carrier CARRIER] --name NAME --key PUBLIC.pem --who NAME
                            [--scheme NAME] [--from INSTANT] [--until INSTANT]
       kvytok settle sign CARRIER PERIOD --as department|carrier --signer ID --who NAME
                          --key PRIVATE.pem | --statement FILE | --signature FILE   [--objections TEXT]

preview  what the month would give now; of a settled month, whether its facts give the same acts again (else exit code 1):
         facts and words as they were known when it was settled, with the tariff packages of now
close    settles the month with all carriers, once, in order, not before the city's closing calendar says. Decisions and
         ledger have to agree to the kopiyka; what comes later belongs to the next month.
list     months, carriers, states of their acts: drafted, signed-by-one, signed-by-both; and who may sign
act      the act as it is kept and signed (JSON), as a table (CSV) and as pages to print (HTML, PDF); with --out into a folder
signer   names whose key counts for a side: a public key for development, or with --scheme cades-bes a certificate (PEM)
sign     signs an act for a side, once; a carrier that objects signs with --objections. --statement writes down what has to be
         signed; a tool of one's own signs that file (detached, CAdES-BES), and --signature hands its .p7s in. The scheme for
         development signs with --key, a private key (Ed25519, PEM).

PERIOD is a month of fare days, 2025-10. close, signer and sign wait for the engine's answer where it can be read, close
as long as it takes: Ctrl-C ends the waiting, and what was handed in stays so. With --no-wait none waits. A refusal is exit code 1.

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (preview, list, act: role auditor_runtime; else
           office_runtime) and KVYTOK_CITY_DIR; sign then takes --sha256 HASH of the act
`;

const text = { type: 'string' } as const;
const OPTIONS = {
  ...{ who: text, lang: text, out: text, as: text, carrier: text, name: text, key: text, scheme: text },
  ...{
    from: text,
    until: text,
    signer: text,
    signature: text,
    statement: text,
    objections: text,
    sha256: text,
    data: text,
  },
  json: { type: 'boolean' },
  'no-wait': { type: 'boolean' },
} as const;

function parse(args: string[]) {
  return parseArgs({ args, allowPositionals: true, options: OPTIONS });
}
/** Options of `kvytok settle`. */
export type SettleValues = ReturnType<typeof parse>['values'];

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parse(args);
  const [what, first, second, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === 'list' && first === undefined) return listActs(values, io);
  if (what === 'signer' && first === undefined) return nameSigner(values, io);
  if (what === 'preview' && first !== undefined && second === undefined) return preview(first, values, io);
  if (what === 'close' && first !== undefined && second === undefined) return closeMonth(first, values, io);
  if (what === 'act' && first !== undefined && second !== undefined)
    return writeAct(first, second, values, io);
  if (what === 'sign' && first !== undefined && second !== undefined)
    return signActAs(first, second, values, io);
  throw new UsageError(
    'preview PERIOD, close PERIOD, list, act CARRIER PERIOD, signer or sign CARRIER PERIOD is needed',
  );
}
