/** An act for people: a page to print, and a table. Made from the signed bytes, deterministically; never signed instead. */
import { formatMoney } from '#contracts/money.ts';
import type { Language } from '#contracts/reason-codes.ts';
import type { SettlementAct } from './act.ts';
import { ACT_WORDS, lineName } from './act-words.ts';
import type { ActSide } from './signature-schemes.ts';

/** A signature as it is shown. */
export interface ShownSignature {
  readonly side: ActSide;
  readonly name: string;
  readonly signedAtMs: number;
  readonly qualified: boolean;
  readonly objections: boolean;
  readonly note: string | null;
}

export interface ShownAct {
  readonly act: SettlementAct;
  readonly sha256: string;
  readonly signatures: readonly ShownSignature[];
}

/** A row for each line and one for the total; amounts in minor units. CSV by RFC 4180. */
export function actCsv({ act, sha256 }: ShownAct): string {
  const head = [
    'period',
    'carrier_id',
    'currency',
    'kind',
    'ref',
    'origin',
    'rides',
    'amount_minor',
    'act_sha256',
  ];
  const rows = act.sums.flatMap((sum) =>
    [...sum.lines, { kind: 'total', ref: '', origin: '', rides: sum.rides, minor: sum.totalMinor }].map(
      ({ kind, ref, origin, rides, minor }) => [
        ...[act.period, act.carrier.id, sum.currency, kind, ref, origin],
        ...[String(rides), minor, sha256],
      ],
    ),
  );
  return [head, ...rows].map((row) => `${row.map(csvCell).join(',')}\r\n`).join('');
}

/** A cell of CSV that no spreadsheet takes for a formula. */
export function csvCell(text: string): string {
  // What a spreadsheet would take for a formula begins with an apostrophe; amounts below zero are numbers.
  const safe = /^[=+@\t]|^-(?![0-9]+$)/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

const STYLE = `@page{size:A4;margin:18mm}body{font:11pt/1.4 "Liberation Sans",Arial,sans-serif;color:#000;margin:2em auto;max-width:48em}
h1{font-size:16pt}table{border-collapse:collapse;width:100%;margin:1em 0}th,td{border:1px solid #555;padding:.25em .5em;text-align:left;vertical-align:top}
td.n,th.n{text-align:right;white-space:nowrap}tr.sum{font-weight:bold}dl{display:grid;grid-template-columns:auto 1fr;gap:.2em 1em}dd{margin:0}
.hash{font-family:monospace;font-size:9pt;word-break:break-all}.sides{display:grid;grid-template-columns:1fr 1fr;gap:2em;margin-top:2em}.line{border-top:1px solid #000;margin-top:3em;padding-top:.3em}`;

/** A page without script or outside parts, to be printed and signed by hand too. @param zone of the shown instants */
export function actPage(shown: ShownAct, language: Language, zone: string): string {
  const { act, sha256 } = shown;
  const words = ACT_WORDS[language];
  const facts = actFacts(act, language, zone);
  const list = facts.map(([name, text]) => `<dt>${esc(name)}</dt><dd>${esc(text)}</dd>`).join('');
  const sides = (['department', 'carrier'] as const).map((side) =>
    signatureHtml(shown, side, language, zone),
  );
  return `<!doctype html>
<html lang="${language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${esc(`${words.title} ${act.period} ${act.carrier.id}`)}</title><style>${STYLE}</style></head><body>
<h1>${esc(words.title)}</h1><dl>${list}</dl>
${act.sums.map((sum) => sumTable(sum, language)).join('\n')}
<p>${esc(words.note)}</p><p>${esc(words.hash)}:<br><span class="hash">${sha256}</span></p>
<div class="sides">${sides.join('')}</div>
</body></html>
`;
}

/** Whom an act is between, and of when it is. */
export function actFacts(act: SettlementAct, language: Language, zone: string): [string, string][] {
  const words = ACT_WORDS[language];
  const month = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' }).format(
    new Date(`${act.fromDay}T00:00:00Z`),
  );
  return [
    [words.period, `${month} (${act.fromDay} – ${act.untilDay})`],
    [words.department, act.department.names[language]],
    [words.carrier, `${act.carrier.names[language]} (${act.carrier.id})`],
    [words.closed, `${instantText(act.closedAtMs, language, zone)}, ${act.closedBy}`],
  ];
}

/** Figures beside the lines. */
export function sumFigures(sum: SettlementAct['sums'][number], language: Language): [string, string][] {
  const words = ACT_WORDS[language];
  const money = (minor: string) =>
    formatMoney({ amountMinor: BigInt(minor), currency: sum.currency }, language);
  return [
    [words.transfers, String(sum.transfers)],
    [words.claimRides, String(sum.claimRides)],
    [words.gross, money(sum.grossMinor)],
    [words.transferFree, money(sum.transferMinor)],
    [words.passCovered, money(sum.passMinor)],
    [words.penalties, money(sum.penaltyMinor)],
  ];
}

function sumTable(sum: SettlementAct['sums'][number], language: Language): string {
  const words = ACT_WORDS[language];
  const money = (minor: string) =>
    formatMoney({ amountMinor: BigInt(minor), currency: sum.currency }, language);
  const row = (cells: readonly string[], style = '') =>
    `<tr${style}>${cells.map((cell, i) => `<td${i >= 2 ? ' class="n"' : ''}>${esc(cell)}</td>`).join('')}</tr>`;
  const lines = sum.lines.map(({ kind, ref, origin, rides, minor }) =>
    row([lineName(kind, ref, language), origin, rides === 0 ? '' : String(rides), money(minor)]),
  );
  const figures = sumFigures(sum, language);
  const heads = [words.line, words.origin, words.rides, words.amount].map(
    (head, i) => `<th scope="col"${i >= 2 ? ' class="n"' : ''}>${esc(head)}</th>`,
  );
  return (
    `<table><thead><tr>${heads.join('')}</tr></thead><tbody>${lines.join('')}` +
    `${row([words.total, '', String(sum.rides), money(sum.totalMinor)], ' class="sum"')}</tbody></table>` +
    `<dl>${figures.map(([name, text]) => `<dt>${esc(name)}</dt><dd>${esc(text)}</dd>`).join('')}</dl>`
  );
}

/** What a side has signed, in words. */
export function signatureWords(shown: ShownAct, side: ActSide, language: Language, zone: string): string {
  const words = ACT_WORDS[language];
  const signature = shown.signatures.find((other) => other.side === side);
  if (signature === undefined) return words.notSigned;
  return [
    `${words.signed}: ${signature.name}, ${instantText(signature.signedAtMs, language, zone)}`,
    ...(signature.qualified ? [] : [words.notQualified]),
    ...(signature.objections ? [`${words.objections}: ${signature.note ?? ''}`] : []),
  ].join('; ');
}

function signatureHtml(shown: ShownAct, side: ActSide, language: Language, zone: string): string {
  const party = side === 'department' ? shown.act.department : shown.act.carrier;
  const said = signatureWords(shown, side, language, zone);
  return `<div><strong>${esc(party.names[language])}</strong><p>${esc(said)}</p><p class="line">${esc(party.signs?.[language] ?? '')}</p></div>`;
}

function instantText(ms: number, language: Language, zone: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'short', timeStyle: 'short', timeZone: zone }).format(
    ms,
  );
}

function esc(text: string): string {
  const signs: Record<string, string> = {
    '&': '&amp;',
    '<': '&lt;',
    '>': '&gt;',
    '"': '&quot;',
    "'": '&#39;',
  };
  return text.replace(/[&<>"']/g, (sign) => signs[sign] as string);
}
