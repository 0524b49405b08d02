/** An act as a page to print, in one language. Made from the signed bytes; never signed instead. */
import { formatMoney } from '#contracts/money.ts';
import type { Language } from '#contracts/reason-codes.ts';
import {
  actFacts,
  type ShownAct,
  signatureWords,
  sumFigures,
} from '../../fare-engine/settlement/act-page.ts';
import { ACT_WORDS, lineName } from '../../fare-engine/settlement/act-words.ts';
import { drawPdf, facts, type Pdf, roomFor, signatures, table } from '../pdf/page.ts';

/** @param zone of the shown instants */
export function actPdf(shown: ShownAct, language: Language, zone: string): Promise<Buffer> {
  const { act, sha256 } = shown;
  const words = ACT_WORDS[language];
  const page = {
    title: `${words.title}, ${act.period}`,
    madeAtMs: act.closedAtMs,
    foot: `${act.period} ${act.carrier.id}`,
  };
  return drawPdf(page, (pdf) => {
    facts(pdf, actFacts(act, language, zone));
    for (const sum of act.sums) sumTable(pdf, sum, language);
    roomFor(pdf, 60);
    pdf.font('text').fontSize(8).text(words.note).moveDown(0.6);
    facts(pdf, [[words.hash, sha256]]);
    signatures(
      pdf,
      (['department', 'carrier'] as const).map((side) => {
        const party = side === 'department' ? act.department : act.carrier;
        const said = signatureWords(shown, side, language, zone);
        return { name: `${party.names[language]}\n${party.signs?.[language] ?? ''}`.trim(), said };
      }),
    );
  });
}

function sumTable(pdf: Pdf, sum: ShownAct['act']['sums'][number], language: Language): void {
  const words = ACT_WORDS[language];
  const money = (minor: string) =>
    formatMoney({ amountMinor: BigInt(minor), currency: sum.currency }, language);
  table(
    pdf,
    [
      { head: words.line, width: 262 },
      { head: words.origin, width: 80 },
      { head: words.rides, width: 70, right: true },
      { head: words.amount, width: 110, right: true },
    ],
    [
      ...sum.lines.map(({ kind, ref, origin, rides, minor }) => ({
        cells: [lineName(kind, ref, language), origin, rides === 0 ? '' : String(rides), money(minor)],
      })),
      { cells: [words.total, '', String(sum.rides), money(sum.totalMinor)], bold: true },
    ],
  );
  facts(pdf, sumFigures(sum, language));
}
