/** Orders of `kvytok edge --issue`, from options or from the lines of a batch file: checked before a card is touched. */
import { type Static, Type } from 'typebox';
import { TokenId } from '#contracts/ids.ts';
import { decodeJsonText, describeProblems, parserOf } from '#contracts/parse.ts';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { CardKind } from '#contracts/record.ts';
import { parseIsoDate } from '#pricing/gtfs/cells.ts';
import type { OpenOrder } from '../../edge-agent/issue/order-book.ts';
import { UsageError } from '../command.ts';

const LocalDate = Type.String({ pattern: '^\\d{4}-\\d{2}-\\d{2}$' });

/** One card: a line of a batch, or the options. Dates are UTC days; `validUntil` is the first day on which it holds no more. */
export const OrderLine = Type.Object(
  {
    kind: CardKind,
    validFrom: Type.Optional(LocalDate),
    validUntil: LocalDate,
    language: Type.Optional(Type.Union(LANGUAGES.map((code) => Type.Literal(code)))),
    /** Token of the lost card whose place it takes. */
    replaces: Type.Optional(TokenId),
    product: Type.Optional(
      Type.Object(
        { id: Type.String({ pattern: '^(?!0{16})[0-9a-f]{16}$' }), validUntil: LocalDate },
        { additionalProperties: false },
      ),
    ),
    randomUid: Type.Optional(Type.Boolean()),
  },
  { additionalProperties: false },
);
export type OrderLine = Static<typeof OrderLine>;
const parseLine = parserOf(OrderLine);

const DAY_MS = 86_400_000;
/** Instants on cards are seconds in 32 bits. */
const INSTANT_MS_MAX = 0xffff_ffff * 1000;
export const BATCH_LINES_MAX = 100_000;

/** An order from one line. @throws UsageError with what is wrong. */
export function orderOf(line: OrderLine, todayMs: number): OpenOrder {
  const validFromMs = line.validFrom === undefined ? dayOf(todayMs) : instantOf(line.validFrom);
  const validUntilMs = instantOf(line.validUntil);
  if (validUntilMs <= validFromMs)
    throw new UsageError(`validUntil ${line.validUntil} is not after its begin`);
  const { product } = line;
  return {
    contents: {
      kind: line.kind,
      validFromMs,
      validUntilMs,
      language: line.language ?? 'uk',
      ...(product && { product: { productId: product.id, validUntilMs: instantOf(product.validUntil) } }),
    },
    ...(line.replaces !== undefined && { replacesTokenId: line.replaces }),
    randomUid: line.randomUid ?? false,
  };
}

/** Checks options as a line. @throws UsageError */
export function lineOf(input: object): OrderLine {
  const line = parseLine(input);
  if (line.ok) return line.value;
  throw new UsageError(describeProblems(line.problems));
}

/** Orders of a batch: JSON lines. @throws UsageError naming every line that is wrong, at most twenty. */
export function readBatch(text: string, todayMs: number): OpenOrder[] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length === 0 || lines.length > BATCH_LINES_MAX)
    throw new UsageError(`a batch has 1 to ${BATCH_LINES_MAX} lines, this one ${lines.length}`);
  const problems: string[] = [];
  const orders = lines.flatMap((line, index) => {
    try {
      const json = decodeJsonText(line);
      return json.ok
        ? [orderOf(lineOf(json.value as object), todayMs)]
        : fail(describeProblems(json.problems));
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      if (problems.length < 20) problems.push(`line ${index + 1}: ${error.message}`);
      return [];
    }
  });
  if (problems.length > 0) throw new UsageError(problems.join('\n'));
  return orders;
}

function fail(message: string): never {
  throw new UsageError(message);
}

function instantOf(date: string): number {
  const ms = (parseIsoDate(date) ?? Number.NaN) * DAY_MS;
  if (ms >= 0 && ms <= INSTANT_MS_MAX) return ms;
  throw new UsageError(`${date} is no date that a card can hold`);
}

function dayOf(ms: number): number {
  return ms - (ms % DAY_MS);
}
