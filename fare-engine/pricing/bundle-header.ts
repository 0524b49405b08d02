/**
 * First line of an exported bundle: the city's days, and its tariff packages byte for byte by their hash, with when each was
 * known, what officers signed for it, and which of them were taken back before their date.
 */
import { type Static, Type } from 'typebox';
import { InstantMs, Sha256Hex } from '#contracts/ids.ts';
import { keyed, PRINTABLE_NAME } from '#contracts/keyed.ts';
import { describeProblems, parserOf } from '#contracts/parse.ts';
import { createFareCalendar, type FareCalendar } from './fare-day.ts';
import { formatFileProblem } from './file-problem.ts';
import { hashPackage, readTariffPackage, type TariffPackage } from './tariff-package.ts';
import { type Activations, createTariffTimeline, type TariffTimeline } from './tariff-timeline.ts';

/** Longest line in characters: the header carries whole tariffs. */
export const BUNDLE_LINE_CHARS_MAX = 128 * 1024 * 1024;

/** What officers signed (contracts/tariff-approval.ts), envelope by envelope. */
const Statements = Type.Array(Type.String({ maxLength: 8192 }), { maxItems: 20 });

const Withdrawal = Type.Object({
  hash: Sha256Hex,
  versionId: Type.String({ minLength: 1, maxLength: 200 }),
  /** When the engine took it: from then on the package never priced, on no day. */
  knownFromMs: InstantMs,
  statements: Statements,
});
export type BundleWithdrawal = Static<typeof Withdrawal>;

export const BundleHeader = Type.Object({
  kind: Type.Literal('kvytok-facts'),
  v: Type.Literal(1),
  zone: Type.String({ minLength: 1, maxLength: 64 }),
  dayStart: Type.String({ pattern: '^[0-2][0-9]:[0-5][0-9]$' }),
  tariffs: Type.Array(
    Type.Object({
      hash: Sha256Hex,
      /** File name → base64 of its bytes. */
      files: keyed(PRINTABLE_NAME, Type.String(), { maxProperties: 1000 }),
      /** Its activation: days closed before keep what was known then. Absent = always known. */
      knownFromMs: Type.Optional(InstantMs),
      /** Signed for the activation: proves it, changes no price. */
      approvals: Type.Optional(Statements),
    }),
    { maxItems: 500 },
  ),
  /** Packages taken back before their date; their bytes may stand among the tariffs, or be gone. Absent = none. */
  withdrawals: Type.Optional(Type.Array(Withdrawal, { maxItems: 500 })),
});
export type BundleHeader = Static<typeof BundleHeader>;

/** Reads a header alone: packages, activations, withdrawals and what was signed for them. */
export const readBundleHeader = parserOf(BundleHeader);

export type OpenedHeader =
  | { readonly ok: true; readonly calendar: FareCalendar; readonly tariffs: TariffTimeline }
  | { readonly ok: false; readonly message: string };

/** What the facts of a bundle are priced by. A package that was taken back is as if it had never been. */
export function openBundleHeader(value: unknown): OpenedHeader {
  const fail = (message: string): OpenedHeader => ({ ok: false, message });
  const header = readBundleHeader(value);
  if (!header.ok) return fail(describeProblems(header.problems));
  let calendar: FareCalendar;
  try {
    calendar = createFareCalendar(header.value.zone, header.value.dayStart);
  } catch (error) {
    return fail((error as Error).message);
  }
  const packages: TariffPackage[] = [];
  const activations = new Map<string, number>();
  for (const { hash, files, knownFromMs } of header.value.tariffs) {
    const bytes = new Map(
      Object.entries(files).map(([name, text]) => [name, Buffer.from(text, 'base64')] as const),
    );
    const actual = hashPackage(bytes);
    if (actual !== hash) return fail(`tariff ${hash} has the hash ${actual}: its bytes were changed`);
    const read = readTariffPackage(bytes);
    if (!read.ok)
      return fail(`tariff ${hash}: ${read.problems.slice(0, 3).map(formatFileProblem).join('; ')}`);
    packages.push(read.package);
    if (knownFromMs !== undefined) activations.set(hash, knownFromMs);
  }
  const withdrawn = new Set(header.value.withdrawals?.map(({ hash }) => hash));
  const standing = packages.filter(({ hash }) => !withdrawn.has(hash));
  const { timeline, problems } = createTariffTimeline(standing, activations);
  return problems[0] ? fail(formatFileProblem(problems[0])) : { ok: true, calendar, tariffs: timeline };
}

/** Header line of an export. `packages` are the packages' bytes; their hashes are computed here. */
export function formatBundleHeader(
  zone: string,
  dayStart: string,
  packages: readonly ReadonlyMap<string, Uint8Array>[],
  activations: Activations = new Map(),
  approvals: ReadonlyMap<string, readonly string[]> = new Map(),
  withdrawals: readonly BundleWithdrawal[] = [],
): string {
  const header: BundleHeader = {
    kind: 'kvytok-facts',
    v: 1,
    zone,
    dayStart,
    tariffs: packages.map((files) => tariffOf(files, activations, approvals)),
    ...(withdrawals.length > 0 && { withdrawals: [...withdrawals] }),
  };
  return JSON.stringify(header);
}

function tariffOf(
  files: ReadonlyMap<string, Uint8Array>,
  activations: Activations,
  approvals: ReadonlyMap<string, readonly string[]>,
): BundleHeader['tariffs'][number] {
  const hash = hashPackage(files);
  const knownFromMs = activations.get(hash);
  return {
    hash,
    files: Object.fromEntries(
      [...files].map(([name, bytes]) => [name, Buffer.from(bytes).toString('base64')]),
    ),
    ...(knownFromMs === undefined ? {} : { knownFromMs }),
    ...(approvals.has(hash) && { approvals: [...(approvals.get(hash) ?? [])] }),
  };
}
