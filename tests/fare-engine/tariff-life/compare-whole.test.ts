/**
 * No difference between two packages is silent: every field of every YAML file and every column of every GTFS file is changed
 * once, and has to be told, in four languages. Several files are changed in one package to keep it cheap.
 */
import type { TSchema } from 'typebox';
import { describe, expect, it } from 'vitest';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { BankTermsFile } from '#pricing/bank-terms.ts';
import { CapsFile } from '#pricing/cap-schema.ts';
import { CompensationFile } from '#pricing/compensation.ts';
import { EmergencyFile } from '#pricing/emergency.ts';
import { formatFileProblem } from '#pricing/file-problem.ts';
import { SplitFile } from '#pricing/revenue-split.ts';
import { readTariffPackage } from '#pricing/tariff-package.ts';
import {
  BreakdownFile,
  ConcessionsFile,
  FundingFile,
  InspectionFile,
  ProductTermsFile,
  TapPolicyFile,
  TariffFile,
} from '#pricing/tariff-schema.ts';
import { compareWhole, SUBJECTS, type TariffChange } from '../../../fare-engine/tariff-life/compare.ts';
import { diffTexts } from '../../../fare-engine/tariff-life/diff-text.ts';
import { FIELD_WORDS } from '../../../fare-engine/tariff-life/diff-words.ts';
import { filesOf } from '../../support/fare-feed.ts';
import { PACKAGE } from '../../support/tariff.ts';
import { EDITS } from '../../support/tariff-edits.ts';
import { WHOLE } from '../../support/whole-tariff.ts';

type Texts = Readonly<Record<string, string>>;

const SCHEMAS: Readonly<Record<string, readonly [schema: TSchema, subject: string]>> = {
  'tariff.yaml': [TariffFile, 'tariff'],
  'concessions.yaml': [ConcessionsFile, 'concession'],
  'funding.yaml': [FundingFile, 'funding'],
  'tap-policy.yaml': [TapPolicyFile, 'tap-policy'],
  'product-terms.yaml': [ProductTermsFile, 'product-terms'],
  'inspection.yaml': [InspectionFile, 'inspection'],
  'breakdown.yaml': [BreakdownFile, 'breakdown'],
  'caps.yaml': [CapsFile, 'cap'],
  'emergency.yaml': [EmergencyFile, 'emergency'],
  'compensation.yaml': [CompensationFile, 'compensation'],
  'revenue-split.yaml': [SplitFile, 'revenue-split'],
  'bank-terms.yaml': [BankTermsFile, 'bank-terms'],
};
/** What a row is known by: told as a row that comes, goes, or has another name. Currencies are never compared. */
const KEYS: Readonly<Record<string, readonly string[]>> = {
  'tariff.yaml': ['act_id', 'currency'],
  'concessions.yaml': ['concession_id'],
  'funding.yaml': ['funding_id'],
  'tap-policy.yaml': ['network_id', 'social', 'wallet', 'bank'],
  'product-terms.yaml': ['fare_product_id'],
  'inspection.yaml': ['network_id'],
  'breakdown.yaml': ['network_id'],
  'caps.yaml': ['cap_id'],
  'emergency.yaml': ['rule_id'],
  'compensation.yaml': ['compensation_id'],
  'revenue-split.yaml': ['fare_product_id', 'cap_id'],
  'bank-terms.yaml': ['code'],
};

/** Fields of a file's rows; those of a row's own parts by the field that holds them. */
function fieldsOf(schema: TSchema, depth = 0): string[] {
  const { properties, items, anyOf } = schema as {
    properties?: Record<string, TSchema>;
    items?: TSchema;
    anyOf?: TSchema[];
  };
  if (anyOf) return anyOf.flatMap((one) => fieldsOf(one, depth));
  if (items) return fieldsOf(items, depth);
  return Object.entries(properties ?? {}).flatMap(([name, inner]) => {
    const below = fieldsOf(inner, depth + 1);
    const list = (inner as { items?: TSchema }).items !== undefined;
    // The lists of a file are its rows; what else has parts is one field.
    return depth === 0 &&
      below.length > 0 &&
      !below.every((part) => (LANGUAGES as readonly string[]).includes(part)) &&
      (list || name === 'medium_kinds') &&
      name !== 'sources'
      ? below
      : [name];
  });
}

function read(texts: Texts) {
  const files = filesOf(texts);
  const result = readTariffPackage(files);
  if (!result.ok) throw new Error(result.problems.map(formatFileProblem).join('\n'));
  return { tariff: result.package, files };
}
const OLD = read(WHOLE);

function expectWords(newer: ReturnType<typeof read>, changes: readonly TariffChange[]): void {
  for (const language of LANGUAGES) {
    const lines = diffTexts(OLD.tariff, newer.tariff, changes, language);
    expect(lines).toHaveLength(changes.length);
    expect(lines.filter((line) => /undefined|\[object|\{\w+\}/.test(line))).toEqual([]);
  }
}

describe('no difference is silent', () => {
  it('every field of the schemas is among those that are changed here, and has a word', () => {
    for (const [file, [schema]] of Object.entries(SCHEMAS)) {
      const fields = new Set(fieldsOf(schema));
      const changed = new Set([...(EDITS[file] ?? []).map(([field]) => field), ...(KEYS[file] ?? [])]);
      expect(
        [...fields].filter((field) => !changed.has(field)),
        file,
      ).toEqual([]);
    }
    const told = Object.values(EDITS).flatMap((edits) => edits.map(([field]) => field));
    const known = [
      ...told,
      ...['rate_minor', 'from_stop_id', 'per_window', 'extension_product_id', 'weight_bp'],
    ];
    const shown = known.filter(
      (field) => !/_id$|stop_lat|transfer_count|^amount$|_time$|^duration_limit$/.test(field),
    );
    expect(shown.filter((field) => FIELD_WORDS[field] === undefined)).toEqual([]);
  });

  const rounds = Math.max(...Object.values(EDITS).map((edits) => edits.length));
  it.each(Array.from({ length: rounds }, (_, i) => i))('edit %i of each file', (round) => {
    const edits = Object.entries(EDITS).flatMap(([file, list]) => {
      const edit = list[round];
      return edit ? [{ file, field: edit[0], from: edit[1], to: edit[2], subject: edit[3] }] : [];
    });
    const texts = { ...WHOLE };
    for (const { file, field, from, to } of edits) {
      const text = (texts[file] as string).replace(from, to);
      expect(text, `${file} ${field}`).not.toBe(texts[file]);
      texts[file] = text;
    }
    const newer = read(texts);
    const changes = compareWhole(OLD, newer);
    expectWords(newer, changes);
    const silent = edits.filter(({ file, field, subject = SCHEMAS[file]?.[1] }) => {
      const found = changes.filter((c) => c.subject === subject && (subject !== 'file' || c.id === file));
      return !found.some((c) => c.change !== 'rewritten' && (file.endsWith('.txt') || c.field === field));
    });
    expect(silent.map(({ file, field }) => `${file} ${field}`)).toEqual([]);
  });

  it('rows and whole files that come and go are told, each subject by its own name', () => {
    const media = `${PACKAGE['fare_media.txt']?.trimEnd()}\nring,Перстень,4\n`;
    const small = read({ ...PACKAGE, 'fare_media.txt': media });
    const changes = [...compareWhole(OLD, small), ...compareWhole(small, OLD)];
    const subjects = new Set(changes.map((c) => c.subject));
    const renamedOnly = ['network', 'leg-group'];
    expect(SUBJECTS.filter((s) => !subjects.has(s) && !renamedOnly.includes(s))).toEqual([]);
    for (const name of Object.keys(WHOLE)) {
      if (PACKAGE[name] !== undefined) continue;
      const { [name]: _, ...rest } = WHOLE;
      const without = readTariffPackage(filesOf(rest));
      if (without.ok)
        expect(compareWhole(OLD, { tariff: without.package, files: filesOf(rest) }), name).not.toEqual([]);
    }
  });

  it('other bytes that mean the same are told as that', () => {
    const remark = read({ ...WHOLE, 'caps.yaml': `# a remark\n${WHOLE['caps.yaml']}` });
    expect(compareWhole(OLD, remark)).toEqual([
      { subject: 'file', change: 'rewritten', id: 'caps.yaml', before: null, after: null },
    ]);
    expect(diffTexts(OLD.tariff, remark.tariff, compareWhole(OLD, remark), 'en')[0]).toMatch(
      /^File caps\.yaml: is written otherwise/,
    );
  });
});
