/**
 * A tariff package: GTFS Fares v2 files and YAML, read from bytes, checked, indexed. Immutable, named by the hash of
 * its bytes, in force from one local date to another (half-open, 00:00 wall time).
 */
import { sha256Hex } from '#contracts/hash-chain.ts';
import type { MediumKind } from '#contracts/record.ts';
import { BankTermsFile } from './bank-terms.ts';
import { CapsFile } from './cap-schema.ts';
import type { DatedCap } from './cap-window.ts';
import { WINDOW_ORDER } from './check-caps.ts';
import { checkPackage } from './check-package.ts';
import { CompensationFile, type CompensationRow } from './compensation.ts';
import { type DatedEmergency, EmergencyFile } from './emergency.ts';
import { startOfLocalDateMs } from './fare-day.ts';
import type { FareFeed, TransferRule } from './fares-v2/fare-feed.ts';
import { createFarePricer, type FarePricer } from './fares-v2/fare-pricer.ts';
import { compareFileProblems, compareText, type FileProblem, hasErrors } from './file-problem.ts';
import { readFeed } from './gtfs/read-feed.ts';
import type { FeedFiles } from './gtfs/row-reader.ts';
import { lawProducts } from './law-products.ts';
import { findZone } from './local-time.ts';
import { calendarOf } from './period.ts';
import { SplitFile, type SplitRule } from './revenue-split.ts';
import {
  BreakdownFile,
  type BreakdownRow,
  type Concession,
  ConcessionsFile,
  FundingFile,
  InspectionFile,
  type InspectionRow,
  type NetworkTapPolicy,
  type ProductTerm,
  ProductTermsFile,
  TapPolicyFile,
  TariffFile,
} from './tariff-schema.ts';
import { longestReachMs } from './transfer-reach.ts';
import { readYamlFile, type YamlFile, type YamlPath } from './yaml-file.ts';

/** A row of law with its dates as instants. */
export interface DatedConcession extends Concession {
  readonly validFromMs: number;
  /** `null` = open. */
  readonly validUntilMs: number | null;
  readonly zone: string;
  /** It holds only when the quota of one of these is used up; empty = it holds by itself. */
  readonly after: readonly string[];
}

export interface TariffPackage {
  readonly hash: string;
  readonly tariff: TariffFile;
  /** Where a value of tariff.yaml stands; both from 1. */
  placeOf(path: YamlPath): { readonly line: number; readonly column: number };
  readonly validFromMs: number;
  readonly validUntilMs: number | null;
  /** With the concession categories' rows that follow from the law. */
  readonly pricer: FarePricer;
  /** The one category that pays full prices. */
  readonly defaultCategoryId: string;
  /** All rows, best first for equal prices: by priority (higher first), then id. */
  readonly concessions: readonly DatedConcession[];
  readonly funding: FundingFile['funding'];
  readonly productTerms: ProductTermsFile['products'];
  /** Terms of products that are held, not paid ride by ride: passes and carnets. */
  readonly heldTerms: ReadonlyMap<string, ProductTerm>;
  /** What inspectors may ask, by network; empty = no inspection.yaml. */
  readonly inspection: readonly InspectionRow[];
  /** Who rides on free after a breakdown, as breakdown.yaml has it; empty = no such file. */
  readonly breakdownRules: readonly BreakdownRow[];
  /** Who rides on free after a breakdown, in a network; `undefined` = the package says nothing of it. */
  breakdownRuleOf(networkId: string | null): BreakdownRow | undefined;
  /** In the order in which they are applied: short windows first, then by id; empty = no caps.yaml. */
  readonly caps: readonly DatedCap[];
  /** How money of several carriers is divided; empty = no revenue-split.yaml. */
  readonly revenueSplit: readonly SplitRule[];
  /** What budgets pay carriers for concession rides; empty = no compensation.yaml. */
  readonly compensation: readonly CompensationRow[];
  /** On which terms banks are asked for the money of bank cards; null = no bank-terms.yaml. */
  readonly bankTerms: BankTermsFile | null;
  /** By id; empty = no emergency.yaml. */
  readonly emergency: readonly DatedEmergency[];
  readonly mediaOfKind: Readonly<Partial<Record<MediumKind, string>>>;
  /** Tap policies by network; '' = every other. */
  readonly tapPolicies: readonly NetworkTapPolicy[];
  /** Tap policy of a network; that of '' where it has none of its own. */
  policyOf(networkId: string | null): NetworkTapPolicy;
  /** Whether leaving is tapped in any network. */
  readonly tapsOut: boolean;
  /** Longest pass-back of any network. */
  readonly passBackMsMax: number;
  /** Longest time for late taps of any network, seconds. */
  readonly lateTapAcceptSMax: number;
  /** Longest limited window in which a leg may still be followed by a transfer; unlimited rules end with the fare day. */
  readonly transferWindowMsMax: number;
  /** The same; infinite where a rule has no limit. */
  readonly transferReachMs: number;
}

export type ReadPackage =
  | { readonly ok: true; readonly package: TariffPackage; readonly problems: readonly FileProblem[] }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** Name of a package: SHA-256 over the sorted lines `name\0sha256(bytes)\n`. */
export function hashPackage(files: FeedFiles): string {
  const names = [...files.keys()].sort(compareText);
  return sha256Hex(names.map((name) => `${name}\0${sha256Hex(files.get(name) as Uint8Array)}\n`).join(''));
}

/** The YAML files of a package, as far as they could be read. */
export interface PackageYaml {
  readonly tariff: YamlFile<TariffFile>;
  readonly concessions: YamlFile<ConcessionsFile>;
  readonly funding: YamlFile<FundingFile>;
  readonly tapPolicy: YamlFile<TapPolicyFile>;
  readonly productTerms: YamlFile<ProductTermsFile> | undefined;
  readonly inspection: YamlFile<InspectionFile> | undefined;
  readonly breakdown: YamlFile<BreakdownFile> | undefined;
  readonly caps: YamlFile<CapsFile> | undefined;
  readonly emergency: YamlFile<EmergencyFile> | undefined;
  readonly split: YamlFile<SplitFile> | undefined;
  readonly compensation: YamlFile<CompensationFile> | undefined;
  readonly bankTerms: YamlFile<BankTermsFile> | undefined;
}

/** Reads a package from its files. With one error it is not usable at all: a tariff is whole or it is none. */
export function readTariffPackage(files: FeedFiles): ReadPackage {
  const problems: FileProblem[] = [];
  const yaml = readYaml(files, problems);
  const zone = yaml?.tariff.value.zone;
  const { feed, problems: feedProblems } = readFeed(files, {
    strict: true,
    ...(zone !== undefined && findZone(zone) ? { zone } : {}),
  });
  for (const found of feedProblems) problems.push(found);
  if (!yaml) return { ok: false, problems: problems.sort(compareFileProblems) };
  // What follows from rows that could not be read would mislead: prices by law are compared in a feed without errors.
  const readable = !hasErrors(problems);
  // One by one: a large table may have more of them than a call takes arguments.
  for (const found of checkPackage(files, feed, yaml, readable)) problems.push(found);
  const bags = new Set(yaml.tapPolicy.value.networks.map((row) => row.bag_product_id));
  const law = lawProducts(files, feed, yaml.concessions, bags);
  if (readable) for (const found of law.problems) problems.push(found);
  problems.sort(compareFileProblems);
  if (hasErrors(problems)) return { ok: false, problems };
  return {
    ok: true,
    problems,
    package: assemble(hashPackage(files), { ...feed, products: law.products }, yaml),
  };
}

function readYaml(files: FeedFiles, problems: FileProblem[]): PackageYaml | undefined {
  const open = <S extends Parameters<typeof readYamlFile>[2]>(name: string, schema: S) =>
    readYamlFile(name, files.get(name), schema, problems);
  const tariff = open('tariff.yaml', TariffFile);
  const concessions = open('concessions.yaml', ConcessionsFile);
  const funding = open('funding.yaml', FundingFile);
  const tapPolicy = open('tap-policy.yaml', TapPolicyFile);
  const productTerms = files.has('product-terms.yaml')
    ? open('product-terms.yaml', ProductTermsFile)
    : undefined;
  const inspection = files.has('inspection.yaml') ? open('inspection.yaml', InspectionFile) : undefined;
  const breakdown = files.has('breakdown.yaml') ? open('breakdown.yaml', BreakdownFile) : undefined;
  const caps = files.has('caps.yaml') ? open('caps.yaml', CapsFile) : undefined;
  const emergency = files.has('emergency.yaml') ? open('emergency.yaml', EmergencyFile) : undefined;
  const split = files.has('revenue-split.yaml') ? open('revenue-split.yaml', SplitFile) : undefined;
  const compensation = files.has('compensation.yaml')
    ? open('compensation.yaml', CompensationFile)
    : undefined;
  const bankTerms = files.has('bank-terms.yaml') ? open('bank-terms.yaml', BankTermsFile) : undefined;
  return tariff && concessions && funding && tapPolicy
    ? {
        tariff,
        concessions,
        funding,
        tapPolicy,
        productTerms,
        inspection,
        breakdown,
        caps,
        emergency,
        split,
        compensation,
        bankTerms,
      }
    : undefined;
}

function assemble(hash: string, feed: FareFeed, yaml: PackageYaml): TariffPackage {
  const tariff = yaml.tariff.value;
  const instant = (date: string) => startOfLocalDateMs(date, tariff.zone) as number;
  const open = (date: string | null) => (date === null ? null : instant(date));
  const policies = new Map(yaml.tapPolicy.value.networks.map((p) => [p.network_id, p]));
  const fallback = policies.get('') as NetworkTapPolicy;
  const breakdowns = new Map(yaml.breakdown?.value.breakdown.map((row) => [row.network_id, row]));
  const concessions = yaml.concessions.value.concessions.map((row) => ({
    ...row,
    validFromMs: instant(row.valid_from),
    validUntilMs: open(row.valid_to),
    zone: tariff.zone,
    after: yaml.concessions.value.concessions
      .filter((other) => other.over_quota === row.concession_id)
      .map((other) => other.concession_id),
  }));
  concessions.sort(
    (a, b) => (b.priority ?? 0) - (a.priority ?? 0) || compareText(a.concession_id, b.concession_id),
  );
  const defaultCategory = [...feed.categories.values()].find((c) => c.isDefault);
  return {
    hash,
    tariff,
    placeOf: yaml.tariff.placeOf,
    validFromMs: instant(tariff.valid_from),
    validUntilMs: open(tariff.valid_to),
    pricer: createFarePricer(feed),
    defaultCategoryId: defaultCategory?.categoryId ?? '',
    concessions,
    funding: yaml.funding.value.funding,
    productTerms: yaml.productTerms?.value.products ?? [],
    heldTerms: new Map(
      (yaml.productTerms?.value.products ?? [])
        .filter(({ kind }) => kind === 'pass' || kind === 'carnet')
        .map((term) => [term.fare_product_id, term]),
    ),
    inspection: yaml.inspection?.value.inspection ?? [],
    breakdownRules: yaml.breakdown?.value.breakdown ?? [],
    breakdownRuleOf: (networkId) => breakdowns.get(networkId ?? '') ?? breakdowns.get(''),
    caps: capsOf(yaml, tariff.zone),
    revenueSplit: yaml.split?.value.revenue_split ?? [],
    compensation: yaml.compensation?.value.compensation ?? [],
    bankTerms: yaml.bankTerms?.value ?? null,
    emergency: emergencyOf(yaml, instant),
    mediaOfKind: yaml.tapPolicy.value.medium_kinds as Partial<Record<MediumKind, string>>,
    tapPolicies: yaml.tapPolicy.value.networks,
    policyOf: (networkId) => policies.get(networkId ?? '') ?? fallback,
    tapsOut: yaml.tapPolicy.value.networks.some(({ mode }) => mode === 'in_out'),
    passBackMsMax: Math.max(...yaml.tapPolicy.value.networks.map((p) => p.passback_s)) * 1000,
    lateTapAcceptSMax: Math.max(...yaml.tapPolicy.value.networks.map((p) => p.late_tap_accept_s)),
    transferWindowMsMax: longestWindowMs(feed.transferRules),
    transferReachMs: longestReachMs(feed.transferRules),
  };
}

function emergencyOf({ emergency }: PackageYaml, instant: (date: string) => number): DatedEmergency[] {
  const rows = emergency?.value.emergency ?? [];
  const dated = rows.map((row) => ({
    ...row,
    validFromMs: instant(row.valid_from),
    validUntilMs: instant(row.valid_to),
  }));
  return dated.sort((a, b) => compareText(a.rule_id, b.rule_id));
}

function capsOf({ caps }: PackageYaml, zone: string): DatedCap[] {
  const rows = (caps?.value.caps ?? []).map((row) => ({ ...row, calendar: calendarOf(zone, row.day_start) }));
  return rows.sort(
    (a, b) =>
      WINDOW_ORDER.indexOf(a.window) - WINDOW_ORDER.indexOf(b.window) || compareText(a.cap_id, b.cap_id),
  );
}

function longestWindowMs(rules: readonly TransferRule[]): number {
  return Math.max(0, ...rules.map(({ durationLimitS }) => (durationLimitS ?? 0) * 1000));
}
