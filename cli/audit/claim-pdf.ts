/** A claim as a page to print and sign: Ukrainian first, English beside it. Amounts are those of claim.json. */
import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';
import type { Names } from '#pricing/tariff-schema.ts';
import type { ClaimText } from '../../fare-engine/claims/claim-text.ts';

/** Names of what a claim holds by id; the id stands where a name is not known. */
export interface ClaimNames {
  readonly carrier: Names | undefined;
  readonly department: Names | undefined;
  readonly funding: (Names & { readonly code: string }) | undefined;
  readonly concessions: ReadonlyMap<string, Names>;
}

const FONT = 'dejavu-fonts-ttf/ttf/DejaVuSans.ttf';
const BOLD = 'dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf';
const find = createRequire(import.meta.url).resolve;
const MARGIN = 36;
const SIZE = 8;
const COLUMNS = [
  { uk: 'Місяць', en: 'month', width: 46 },
  { uk: 'Пільга', en: 'concession', width: 150 },
  { uk: 'Маршрут', en: 'route', width: 50 },
  { uk: 'Підстава', en: 'basis', width: 118 },
  { uk: 'Поїздки', en: 'rides', width: 50 },
  { uk: 'Різниця, ₴', en: 'difference', width: 72 },
  { uk: 'До сплати, ₴', en: 'claimed', width: 76 },
  { uk: 'Без фінанс., ₴', en: 'unfunded', width: 76 },
  { uk: 'з них ПДВ, ₴', en: 'VAT within', width: 72 },
] as const;
const BASIS: Record<string, string> = {
  fare_difference: 'різниця тарифу / fare difference',
  rate: 'ставка за поїздку / rate a ride',
  fixed_monthly: 'сума на місяць / sum a month',
};

/** The page, or several, as bytes; the same claim makes the same text. */
export async function claimPdf(claim: ClaimText, sha256: string, names: ClaimNames): Promise<Buffer> {
  const made = new Date(claim.madeAtMs);
  const pdf = new PDFDocument({
    size: 'A4',
    layout: 'landscape',
    margin: MARGIN,
    bufferPages: true,
    info: { Title: `Заявка на компенсацію ${claim.period}`, CreationDate: made, ModDate: made },
  });
  const chunks: Buffer[] = [];
  pdf.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => pdf.on('end', resolve).on('error', reject));
  pdf.registerFont('text', find(FONT));
  pdf.registerFont('bold', find(BOLD));
  heading(pdf, claim, names);
  table(pdf, claim, names);
  closing(pdf, claim, sha256, names);
  numberPages(pdf, claim);
  pdf.end();
  await ended;
  return Buffer.concat(chunks);
}

type Pdf = InstanceType<typeof PDFDocument>;

function heading(pdf: Pdf, claim: ClaimText, { carrier, department, funding }: ClaimNames): void {
  pdf.font('bold').fontSize(14).text(`Заявка на компенсацію за пільгові перевезення, ${claim.period}`);
  pdf
    .font('text')
    .fontSize(SIZE)
    .fillColor('#444')
    .text(`Claim for compensation of concession rides, version ${claim.version}`);
  pdf.moveDown(0.6).fillColor('#000').fontSize(9);
  const both = (name: Names | undefined, id: string) => (name === undefined ? id : `${name.uk} (${name.en})`);
  pdf.text(`Перевізник / Carrier: ${both(carrier, claim.carrierId)}`);
  pdf.text(`Кому / To: ${both(department, claim.city)}`);
  const code = funding === undefined || funding.code === '' ? '' : `, ${funding.code}`;
  pdf.text(`Джерело / Funding: ${both(funding, claim.fundingId)}${code}`);
  pdf.moveDown(0.6);
}

function table(pdf: Pdf, claim: ClaimText, { concessions }: ClaimNames): void {
  row(
    pdf,
    COLUMNS.map(({ uk, en }) => `${uk}\n${en}`),
    true,
  );
  for (const line of claim.lines) {
    if (pdf.y > pdf.page.height - MARGIN - 50) {
      pdf.addPage();
      row(
        pdf,
        COLUMNS.map(({ uk, en }) => `${uk}\n${en}`),
        true,
      );
    }
    const names = concessions.get(line.concessionId ?? '');
    const basis = line.rule === null ? 'немає правила / no rule' : (BASIS[String(line.rule['basis'])] ?? '');
    const late = line.origin === claim.period ? '' : ' ↩';
    row(pdf, [
      `${line.origin}${late}`,
      names === undefined ? (line.concessionId ?? '–') : `${names.uk}\n${names.en}`,
      line.routeId ?? '–',
      basis,
      String(line.rides),
      ...[line.concessionMinor, line.claimedMinor, line.unfundedMinor, line.vatMinor].map(money),
    ]);
  }
}

function row(pdf: Pdf, cells: readonly string[], head = false): void {
  pdf.font(head ? 'bold' : 'text').fontSize(head ? 7 : SIZE);
  const top = pdf.y + 3;
  let [x, bottom] = [MARGIN, top];
  cells.forEach((cell, i) => {
    const width = COLUMNS[i]?.width ?? 50;
    pdf.text(cell, x + 2, top, { width: width - 4, align: i < 4 ? 'left' : 'right' });
    bottom = Math.max(bottom, pdf.y);
    x += width;
  });
  pdf
    .moveTo(MARGIN, bottom + 2)
    .lineTo(x, bottom + 2)
    .lineWidth(head ? 1 : 0.3)
    .stroke();
  pdf.x = MARGIN;
  pdf.y = bottom + 2;
}

function closing(pdf: Pdf, claim: ClaimText, sha256: string, { carrier, department }: ClaimNames): void {
  if (pdf.y > pdf.page.height - MARGIN - 150) pdf.addPage();
  pdf.moveDown(0.8).font('text').fontSize(9);
  for (const { minor, objectionId } of claim.corrections)
    pdf.text(`Виправлення за запереченням / Correction by objection ${objectionId}: ${money(minor)} ₴`);
  pdf
    .font('bold')
    .fontSize(11)
    .text(`До сплати / Claimed: ${money(claim.claimedMinor)} ${claim.currency}`);
  pdf.font('text').fontSize(9);
  pdf.text(
    `Поїздок / Rides: ${claim.rides}. Без фінансування / Unfunded: ${money(claim.unfundedMinor)} ${claim.currency}`,
  );
  const why = claim.differsBy.length === 0 ? 'збігається / equal' : claim.differsBy.join(', ');
  pdf.text(`За обліком / By the ledger: ${money(claim.ledgerMinor)} ${claim.currency}; ${why}`);
  pdf.moveDown(0.4).fontSize(7).fillColor('#444').text(`claim.json SHA-256 ${sha256}`).fillColor('#000');
  pdf.moveDown(2).fontSize(9);
  const y = pdf.y;
  pdf.text(`____________________  ${department?.uk ?? claim.city}`, MARGIN, y, { width: 360 });
  pdf.text(`____________________  ${carrier?.uk ?? claim.carrierId}`, MARGIN + 390, y, { width: 360 });
}

function numberPages(pdf: Pdf, { claimId }: ClaimText): void {
  const { count } = pdf.bufferedPageRange();
  for (let i = 0; i < count; i++) {
    pdf.switchToPage(i);
    pdf.page.margins.bottom = 0;
    pdf
      .font('text')
      .fontSize(7)
      .text(`${claimId}   ${i + 1} / ${count}`, MARGIN, pdf.page.height - 24, { lineBreak: false });
  }
}

/** Minor units of a currency with two decimals, as people in Ukraine write them. */
function money(minor: string): string {
  const digits = minor.replace('-', '').padStart(3, '0');
  const whole = digits.slice(0, -2).replace(/\B(?=(\d{3})+$)/g, '\u00a0');
  return `${minor.startsWith('-') ? '−' : ''}${whole},${digits.slice(-2)}`;
}
