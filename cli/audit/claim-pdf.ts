/** A claim as a page to print and sign, in one language. Amounts are those of claim.json. */
import { formatMoney } from '#contracts/money.ts';
import type { Language } from '#contracts/reason-codes.ts';
import type { Names } from '#pricing/tariff-schema.ts';
import type { ClaimText, Difference } from '../../fare-engine/claims/claim-text.ts';
import { CLAIM_WORDS, type ClaimWords } from '../../fare-engine/claims/claim-words.ts';
import { drawPdf, facts, type Pdf, signatures, table } from '../pdf/page.ts';

/** Names of what a claim holds by id; the id stands where a name is not known. */
export interface ClaimNames {
  readonly carrier: Names | undefined;
  readonly department: Names | undefined;
  readonly funding: (Names & { readonly code: string }) | undefined;
  readonly concessions: ReadonlyMap<string, Names>;
}

interface Shown {
  readonly claim: ClaimText;
  readonly sha256: string;
  readonly names: ClaimNames;
  readonly language: Language;
  readonly words: ClaimWords;
}

/** The page, or several, as bytes; the same claim makes the same text. */
export function claimPdf(
  claim: ClaimText,
  sha256: string,
  names: ClaimNames,
  language: Language,
): Promise<Buffer> {
  const words = CLAIM_WORDS[language];
  const shown = { claim, sha256, names, language, words };
  const title = `${words.title}, ${claim.period}`;
  return drawPdf({ title, madeAtMs: claim.madeAtMs, foot: claim.claimId, layout: 'landscape' }, (pdf) => {
    heading(pdf, shown);
    lines(pdf, shown);
    closing(pdf, shown);
  });
}

function heading(pdf: Pdf, { claim, names, language, words }: Shown): void {
  const { carrier, department, funding } = names;
  const named = (name: Names | undefined, id: string) =>
    name === undefined ? id : `${name[language]} (${id})`;
  const code = funding === undefined || funding.code === '' ? '' : `, ${funding.code}`;
  const day = new Date(claim.madeAtMs).toISOString().slice(0, 10);
  facts(pdf, [
    [words.carrier, named(carrier, claim.carrierId)],
    [words.to, department?.[language] ?? claim.city],
    [words.funding, `${named(funding, claim.fundingId)}${code}`],
    [words.version, `${claim.version}. ${words.made}: ${day}, ${claim.madeBy}`],
  ]);
}

/** Lines that say something: what was decided anew with the same result is in claim.json alone. */
function lines(pdf: Pdf, { claim, names, language, words }: Shown): void {
  const money = moneyOf(claim, language);
  const said = claim.lines.filter(
    ({ rides, transfers, concessionMinor, amountMinor }) =>
      rides !== 0 || transfers !== 0 || concessionMinor !== '0' || amountMinor !== '0',
  );
  table(
    pdf,
    [
      { head: words.month, width: 50 },
      { head: words.concession, width: 170 },
      { head: words.route, width: 56 },
      { head: words.basis, width: 110 },
      { head: words.rides, width: 50, right: true },
      { head: words.difference, width: 84, right: true },
      { head: words.claimed, width: 84, right: true },
      { head: words.unfunded, width: 84, right: true },
      { head: words.vat, width: 80, right: true },
    ],
    said.map((line) => ({
      cells: [
        line.origin,
        names.concessions.get(line.concessionId ?? '')?.[language] ?? line.concessionId ?? '–',
        line.routeId ?? '–',
        line.rule === null ? words.noRule : words.bases[line.rule.basis],
        String(line.rides),
        ...[line.concessionMinor, line.claimedMinor, line.unfundedMinor, line.vatMinor].map(money),
      ],
    })),
  );
}

function closing(pdf: Pdf, { claim, sha256, names, language, words }: Shown): void {
  const money = moneyOf(claim, language);
  const { differs } = words;
  const why = claim.differsBy.map((one) => differs[one as Difference] ?? one).join(', ') || words.equal;
  facts(pdf, [
    ...claim.corrections.map(({ minor, objectionId }): [string, string] => [
      words.correction.replace('{id}', objectionId),
      money(minor),
    ]),
    [words.total, money(claim.claimedMinor)],
    [words.rides, String(claim.rides)],
    [words.unfunded, money(claim.unfundedMinor)],
    [words.ledger, `${money(claim.ledgerMinor)}; ${why}`],
    [words.hash, sha256],
  ]);
  if (claim.lines.some(({ origin }) => origin !== claim.period))
    pdf.fontSize(8).text(words.late.replace('{month}', claim.period)).moveDown(0.6);
  const { department, carrier } = names;
  signatures(pdf, [
    { name: department?.[language] ?? claim.city, said: '' },
    { name: carrier?.[language] ?? claim.carrierId, said: '' },
  ]);
}

const moneyOf =
  ({ currency }: ClaimText, language: Language) =>
  (minor: string): string =>
    formatMoney({ amountMinor: BigInt(minor), currency }, language);
