/**
 * The reconciliation act of a carrier and a month: the exact bytes that are kept, hashed and signed. Tables and pages for
 * people are made from them and never signed instead.
 */
import { createHash } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { parserOf } from '#contracts/parse.ts';
import type { City } from '#platform/city-data.ts';
import type { SettlementPeriod } from './period.ts';
import type { CarrierSettlement } from './settle.ts';

const Digits = Type.String({ pattern: '^(0|-?[1-9][0-9]*)$' });
const names = Type.Object({
  uk: Type.String(),
  en: Type.String(),
  de: Type.String(),
  pl: Type.String(),
});
const party = Type.Object({ id: Type.String(), names, signs: Type.Union([names, Type.Null()]) });

/** An act as it is written. Amounts are minor units in digits. */
export const SettlementAct = Type.Object({
  v: Type.Literal(1),
  kind: Type.Literal('settlement-act'),
  city: Type.String(),
  period: Type.String(),
  /** First fare day, and the first after the month. */
  fromDay: Type.String(),
  untilDay: Type.String(),
  closedAtMs: Type.Integer(),
  closedBy: Type.String(),
  /** Of the tariff package whose rules divided passes and rebates. */
  packageHash: Type.Union([Type.String(), Type.Null()]),
  department: party,
  carrier: party,
  sums: Type.Array(
    Type.Object({
      currency: Type.String(),
      rides: Type.Integer(),
      transfers: Type.Integer(),
      claimRides: Type.Integer(),
      grossMinor: Digits,
      transferMinor: Digits,
      passMinor: Digits,
      penaltyMinor: Digits,
      lines: Type.Array(
        Type.Object({
          kind: Type.String(),
          ref: Type.String(),
          origin: Type.String(),
          rides: Type.Integer(),
          minor: Digits,
        }),
      ),
      totalMinor: Digits,
    }),
  ),
});
export type SettlementAct = Static<typeof SettlementAct>;

/** Reads the bytes of an act. */
export const parseAct = parserOf(SettlementAct);

/** What an act says of how it was closed. */
export interface ActFrame {
  readonly period: SettlementPeriod;
  readonly city: Pick<City, 'id' | 'names'>;
  readonly parties: NonNullable<City['settlement']>;
  readonly closedAtMs: number;
  readonly closedBy: string;
  readonly packageHash: string | null;
}

/** The act of one carrier over its currencies. */
export function actText(carrierId: string, sums: readonly CarrierSettlement[], frame: ActFrame): string {
  const { period, city, parties } = frame;
  const carrier = parties.carriers[carrierId];
  const own = { uk: carrierId, en: carrierId, de: carrierId, pl: carrierId };
  const act: SettlementAct = {
    v: 1,
    kind: 'settlement-act',
    city: city.id,
    period: period.id,
    fromDay: period.fromDay,
    untilDay: period.untilDay,
    closedAtMs: frame.closedAtMs,
    closedBy: frame.closedBy,
    packageHash: frame.packageHash,
    department: { id: city.id, ...parties.department },
    carrier: { id: carrierId, names: carrier?.names ?? own, signs: carrier?.signs ?? null },
    sums: sums.map(({ currency, figures, lines, totalMinor }) => ({
      currency,
      rides: figures.rides,
      transfers: figures.transfers,
      claimRides: figures.claimRides,
      grossMinor: figures.grossMinor.toString(),
      transferMinor: figures.transferMinor.toString(),
      passMinor: figures.passMinor.toString(),
      penaltyMinor: figures.penaltyMinor.toString(),
      lines: lines.map((line) => ({ ...line, minor: line.minor.toString() })),
      totalMinor: totalMinor.toString(),
    })),
  };
  return `${JSON.stringify(act, null, 2)}\n`;
}

/** Acts of all carriers of a settlement that are known by name, by carrier. */
export function actsOf(
  carriers: readonly CarrierSettlement[],
  frame: ActFrame,
): { readonly carrierId: string; readonly bytes: string; readonly sha256: string }[] {
  const known = carriers.filter((carrier) => carrier.carrierId !== null);
  return [...Map.groupBy(known, (carrier) => carrier.carrierId as string)].map(([carrierId, sums]) => {
    const bytes = actText(carrierId, sums, frame);
    return { carrierId, bytes, sha256: createHash('sha256').update(bytes).digest('hex') };
  });
}
