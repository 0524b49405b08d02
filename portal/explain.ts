/** The explanation of one tap for people: a sentence, the steps, the postings, the facts. Pure. */
import { REASON_TEXTS, type ReasonCode } from '#contracts/reason-codes.ts';
import { accountName } from './account-names.ts';
import { textOf } from './city-names.ts';
import type { ExplanationRow, TapRow } from './ports.ts';
import type { ExplanationWire, PostingWire, RevisionWire, TapWire } from './schemas.ts';
import { readSteps, stepWire } from './step-wording.ts';
import { tapWire } from './wire.ts';
import type { Wording } from './wording.ts';

const POSTINGS_MAX = 50;

/** Everything a page or an answer says about one tap. */
export function explainTap(tap: TapRow, rows: readonly ExplanationRow[], wording: Wording): ExplanationWire {
  const wire = tapWire(tap);
  const revisions = rows.map((row) => revisionWire(row, tap.currency, wording));
  return {
    v: 1,
    language: wording.language,
    sentence: sentence(wire, revisions[0], wording),
    tap: wire,
    flags: wire.flags.map((code) => ({ code, text: flagText(code, wording) })),
    revisions,
  };
}

/** A flag's sentence; a flag this version does not know shows its code. */
export function flagText(code: string, wording: Wording): string {
  return Object.hasOwn(REASON_TEXTS, code) ? REASON_TEXTS[code as ReasonCode][wording.language] : code;
}

/** "Безкоштовно: пенсіонер, постанова КМУ 354." */
function sentence(tap: TapWire, latest: RevisionWire | undefined, wording: Wording): string {
  const rider = wording.money(tap.riderMinor, tap.currency);
  const gross = wording.money(tap.grossMinor, tap.currency);
  const actOf = (kind: string) => latest?.steps.find((step) => step.kind === kind)?.act;
  const law = actOf('concession');
  const concession = [
    wording.concession(tap.concessionId ?? tap.riderCategoryId),
    ...(law === null || law === undefined ? [] : [law]),
  ].join(', ');
  const free = tap.result === 'transfer' && BigInt(tap.riderMinor) === 0n;
  const broken = actOf('breakdown') ?? '';
  const freeBy = broken === '' ? 'sentence.transferFree' : 'sentence.breakdown';
  return wording.t(free ? freeBy : `sentence.${tap.result}`, {
    law: broken,
    rider,
    gross,
    concession,
    medium: wording.medium(tap.mediumKind),
  });
}

function revisionWire(row: ExplanationRow, currency: string, wording: Wording): RevisionWire {
  return {
    revision: row.revision,
    fareDay: row.fareDay,
    kind: row.kind,
    packageName: row.packageName === null ? null : (textOf(row.packageName, wording.language) ?? null),
    packageHash: row.packageHash,
    decidedAtMs: row.decidedAtMs,
    steps: readSteps(row.steps).map((step) => stepWire(step, currency, wording)),
    postings: readPostings(row.postings, currency, wording),
  };
}

function readPostings(json: unknown, tapCurrency: string, wording: Wording): PostingWire[] {
  if (!Array.isArray(json)) return [];
  return json.slice(0, POSTINGS_MAX).flatMap((entry: unknown) => {
    const raw = (entry ?? {}) as Record<string, unknown>;
    const amount = String(raw['amountMinor'] ?? raw['amount_minor'] ?? '');
    if (!/^-?[0-9]{1,19}$/.test(amount)) return [];
    return [
      {
        debit: accountName(String(raw['debit'] ?? ''), wording),
        credit: accountName(String(raw['credit'] ?? ''), wording),
        amountMinor: amount,
        currency: String(raw['currency'] ?? tapCurrency),
      },
    ];
  });
}
