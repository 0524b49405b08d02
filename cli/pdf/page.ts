/** Pages to print: what claims and acts share. The same content makes the same text. */
import { createRequire } from 'node:module';
import PDFDocument from 'pdfkit';

const FONT = 'dejavu-fonts-ttf/ttf/DejaVuSans.ttf';
const BOLD = 'dejavu-fonts-ttf/ttf/DejaVuSans-Bold.ttf';
const find = createRequire(import.meta.url).resolve;
export const MARGIN = 36;
/** Room that a block needs, so that a page does not end in the middle of it. */
const BLOCK = 50;

export type Pdf = InstanceType<typeof PDFDocument>;

/** A column: its head, its width in points, and whether numbers stand in it. */
export interface Column {
  readonly head: string;
  readonly width: number;
  readonly right?: boolean;
}

/**
 * Draws a document and numbers its pages.
 * @param page title, its instant (no other clock is read), what stands at the foot of each page
 */
export async function drawPdf(
  page: { title: string; madeAtMs: number; foot: string; layout?: 'landscape' },
  draw: (pdf: Pdf) => void,
): Promise<Buffer> {
  const made = new Date(page.madeAtMs);
  const pdf = new PDFDocument({
    size: 'A4',
    layout: page.layout ?? 'portrait',
    margin: MARGIN,
    bufferPages: true,
    info: { Title: page.title, CreationDate: made, ModDate: made },
  });
  const chunks: Buffer[] = [];
  pdf.on('data', (chunk: Buffer) => chunks.push(chunk));
  const ended = new Promise<void>((resolve, reject) => pdf.on('end', resolve).on('error', reject));
  pdf.registerFont('text', find(FONT));
  pdf.registerFont('bold', find(BOLD));
  pdf.font('bold').fontSize(14).text(page.title).moveDown(0.6).font('text').fontSize(9);
  draw(pdf);
  const { count } = pdf.bufferedPageRange();
  for (let i = 0; i < count; i++) {
    pdf.switchToPage(i);
    pdf.page.margins.bottom = 0;
    pdf.font('text').fontSize(7);
    pdf.text(`${page.foot}   ${i + 1} / ${count}`, MARGIN, pdf.page.height - 24, { lineBreak: false });
  }
  pdf.end();
  await ended;
  return Buffer.concat(chunks);
}

/** Names and what they stand for, a line each. */
export function facts(pdf: Pdf, rows: readonly (readonly [string, string])[]): void {
  for (const [name, text] of rows) {
    roomFor(pdf, 14);
    pdf
      .font('bold')
      .fontSize(9)
      .text(`${name}: `, MARGIN, pdf.y, { continued: true })
      .font('text')
      .text(text);
  }
  pdf.moveDown(0.6);
}

/** A table whose heads stand on each of its pages. */
export function table(
  pdf: Pdf,
  columns: readonly Column[],
  rows: readonly { readonly cells: readonly string[]; readonly bold?: boolean }[],
): void {
  const heads = () =>
    row(
      pdf,
      columns,
      columns.map(({ head }) => head),
      { bold: true, size: 7 },
    );
  heads();
  for (const { cells, bold } of rows) {
    if (pdf.y > pdf.page.height - MARGIN - BLOCK) {
      pdf.addPage();
      heads();
    }
    row(pdf, columns, cells, { bold: bold === true, size: 8 });
  }
  pdf.moveDown(0.8);
}

function row(
  pdf: Pdf,
  columns: readonly Column[],
  cells: readonly string[],
  { bold, size }: { bold: boolean; size: number },
): void {
  pdf.font(bold ? 'bold' : 'text').fontSize(size);
  const top = pdf.y + 3;
  let [x, bottom] = [MARGIN, top];
  cells.forEach((cell, i) => {
    const { width = 50, right } = columns[i] ?? {};
    pdf.text(cell, x + 2, top, { width: width - 4, align: right === true ? 'right' : 'left' });
    bottom = Math.max(bottom, pdf.y);
    x += width;
  });
  pdf
    .moveTo(MARGIN, bottom + 2)
    .lineTo(x, bottom + 2)
    .lineWidth(bold ? 1 : 0.3)
    .stroke();
  pdf.x = MARGIN;
  pdf.y = bottom + 2;
}

/** Where both sides sign by hand, side by side. */
export function signatures(
  pdf: Pdf,
  sides: readonly { readonly name: string; readonly said: string }[],
): void {
  roomFor(pdf, 90);
  const width = (pdf.page.width - 2 * MARGIN) / sides.length - 12;
  const top = pdf.y + 8;
  sides.forEach(({ name, said }, i) => {
    const x = MARGIN + i * (width + 24);
    pdf
      .font('bold')
      .fontSize(9)
      .text(name, x, top, { width })
      .font('text')
      .fontSize(8)
      .text(said, x, pdf.y, { width });
    pdf
      .moveTo(x, top + 66)
      .lineTo(x + width, top + 66)
      .lineWidth(0.7)
      .stroke();
  });
  pdf.x = MARGIN;
  pdf.y = top + 70;
}

/** A new page where less than so many points are left. */
export function roomFor(pdf: Pdf, points: number): void {
  if (pdf.y > pdf.page.height - MARGIN - points) pdf.addPage();
}
