/**
 * A bank's statement in ISO 20022 XML, camt.053 (BankToCustomerStatement) → lines as the reconciliation knows them. Any version of the
 * message, any prefix of its namespace. Pure. A document type is refused, so no entity but XML's own five can stand for anything.
 */
import { parseXml, XmlElement, XmlError } from '@rgrove/parse-xml';
import { minorUnitDigits } from '#contracts/money.ts';
import type { StatementLine } from '../../fare-engine/bank/reconcile-bank.ts';

/** Something in the file is not as the message's definition has it. */
export class CamtProblem extends Error {
  readonly line: number;
  constructor(line: number, problem: string) {
    super(problem);
    this.name = 'CamtProblem';
    this.line = line;
  }
}

const NAMESPACE = /^urn:iso:std:iso:20022:tech:xsd:camt\.053\.001\.\d{2}$/;
const DATE = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])/;
const OWNED = /[A-Za-z0-9][A-Za-z0-9._]*(?:-[A-Za-z0-9._]+)*-\d{4}-\d{2}-\d{2}(?!\d)/;
const ENTRIES_MAX = 100_000;
/** Longer than the fields in which banks write references; looking for one in a text costs its length squared. */
const REFERENCE_CHARS_MAX = 500;

/** The first text that names whose money of which day it is; else the first that names anything. Texts of 500 signs at most. */
export function referenceAmong(texts: readonly string[]): string {
  for (const text of texts) {
    const owned = OWNED.exec(text)?.[0];
    if (owned !== undefined) return owned;
  }
  return (texts[0] || 'without-reference').slice(0, 128);
}

/** Whether a file is XML, as camt.053 is, and no CSV: by its beginning. */
export function looksLikeXml(beginning: Buffer): boolean {
  return /^(\u00EF\u00BB\u00BF)?\s*</.test(beginning.toString('latin1'));
}

/** Money of an entry of which nobody can say exactly whose it is. */
export interface UnmatchedMoney {
  /** The line of the file on which the entry begins. */
  readonly line: number;
  readonly bookedOn: string;
  /** The part of the entry that no transaction says exactly. */
  readonly amountMinor: bigint;
  readonly currency: string;
  /** What its transactions name. */
  readonly references: readonly string[];
  /**
   * `foreign-currency`: a transaction's amount is told in another currency alone. `no-amounts`: some transactions tell none.
   * `amounts-differ`: they add up to another sum than the entry.
   */
  readonly reason: 'foreign-currency' | 'no-amounts' | 'amounts-differ';
}

export interface CamtStatement {
  readonly lines: readonly StatementLine[];
  readonly unmatched: readonly UnmatchedMoney[];
}

/** References of one entry that are shown. */
const REFERENCES_MAX = 20;

/**
 * Booked entries of all statements in the file, money that came in above zero. Where an entry gathers transactions, each that has an
 * amount in the entry's currency is a line. `line` is the line of the file on which the entry begins.
 * @throws CamtProblem
 */
export function readCamt053(text: string): CamtStatement {
  const file = new CamtFile(text);
  const parts = file.statements().flatMap((statement) => {
    const booked = file.all(statement, 'Ntry').filter((entry) => file.status(entry) === 'BOOK');
    file.checkBalances(statement, booked);
    return booked.map((entry) => file.readEntry(entry));
  });
  const lines = parts.flatMap((part) => part.lines);
  if (lines.length > ENTRIES_MAX) throw new CamtProblem(1, `more than ${ENTRIES_MAX} entries`);
  return { lines, unmatched: parts.flatMap((part) => part.unmatched) };
}

const FIRST = { line: 1, fromAt: 0 };

class CamtFile {
  private readonly text: string;
  private readonly root: XmlElement;
  /** The line that begins at this place. */
  private counted = FIRST;

  constructor(text: string) {
    this.text = text.replace(/^\uFEFF/, '');
    const declared = /^\s*<\?xml[^>]*encoding=["']([^"']+)["']/.exec(this.text)?.[1];
    if (declared !== undefined && declared.toLowerCase() !== 'utf-8')
      throw new CamtProblem(1, `the encoding is ${JSON.stringify(declared.slice(0, 40))}, UTF-8 is needed`);
    const type = this.text.indexOf('<!DOCTYPE');
    if (type >= 0)
      throw new CamtProblem(this.lineAt(type), 'it has a document type, which no statement needs');
    this.root = this.parse();
  }

  private parse(): XmlElement {
    try {
      const { root } = parseXml(this.text, { includeOffsets: true });
      if (root === null) throw new CamtProblem(1, 'it is empty');
      return root;
    } catch (error) {
      if (error instanceof XmlError) throw new CamtProblem(error.line, firstLine(error.message));
      // So deep a nesting that the parser gives up.
      if (error instanceof RangeError) throw new CamtProblem(1, 'its elements are nested too deep');
      throw error;
    }
  }

  /** Entries come in the order of the file: it is counted on from the last one. */
  private lineAt(offset: number): number {
    let { line, fromAt } = offset < this.counted.fromAt ? FIRST : this.counted;
    for (
      let at = this.text.indexOf('\n', fromAt);
      at >= 0 && at < offset;
      at = this.text.indexOf('\n', fromAt)
    ) {
      line += 1;
      fromAt = at + 1;
    }
    this.counted = { line, fromAt };
    return line;
  }

  private problem(element: XmlElement, problem: string): CamtProblem {
    return new CamtProblem(this.lineAt(element.start), problem);
  }

  statements(): XmlElement[] {
    const { root } = this;
    const prefix = root.name.includes(':') ? `:${root.name.split(':')[0]}` : '';
    const namespace = root.attributes[`xmlns${prefix}`] ?? '';
    if (localName(root) !== 'Document' || !NAMESPACE.test(namespace))
      throw this.problem(root, 'it is no camt.053 document');
    return this.all(this.one(root, 'BkToCstmrStmt'), 'Stmt');
  }

  all(of: XmlElement, ...path: string[]): XmlElement[] {
    return path.reduce<XmlElement[]>(
      (found, name) =>
        found.flatMap(({ children }) =>
          children.filter(
            (child): child is XmlElement => child instanceof XmlElement && localName(child) === name,
          ),
        ),
      [of],
    );
  }

  private one(of: XmlElement, ...path: string[]): XmlElement {
    const [found] = this.all(of, ...path);
    if (found === undefined) throw this.problem(of, `${localName(of)} has no ${path.join('/')}`);
    return found;
  }

  /** A code: `BOOK`, or in newer versions `<Cd>BOOK</Cd>`. */
  status(entry: XmlElement): string {
    return this.one(entry, 'Sts').text.trim();
  }

  readEntry(entry: XmlElement): CamtStatement {
    const bookedOn = this.bookedOn(entry);
    const { minor, currency } = this.amount(this.one(entry, 'Amt'));
    const sign = this.sign(entry);
    const whole = { line: this.lineAt(entry.start), bookedOn, currency };
    const details = this.all(entry, 'NtryDtls', 'TxDtls');
    const references = [...new Set(details.map((one) => this.referenceOf([one, entry])))];
    const amounts = details.map((one) => this.amountIn(one, currency));
    if (details.length < 2 || references.length === 1) {
      const reference = this.referenceOf([...details, entry]);
      const returned = this.isReturn([entry, ...details]);
      const line = { ...whole, reference, amountMinor: sign * minor, ...(returned && { returned }) };
      return { lines: [line], unmatched: [] };
    }
    const lines = details.flatMap((one, at): StatementLine[] => {
      const amount = amounts[at];
      if (amount === null || amount === undefined) return [];
      const own = this.all(one, 'CdtDbtInd').length === 0 ? sign : this.sign(one);
      const returned = this.isReturn([entry, one]);
      const reference = this.referenceOf([one, entry]);
      return [{ ...whole, reference, amountMinor: own * amount, ...(returned && { returned }) }];
    });
    const rest = sign * minor - lines.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
    const missing = details.filter((_one, at) => amounts[at] === null);
    if (missing.length === 0 && rest === 0n) return { lines, unmatched: [] };
    const short = references.slice(0, REFERENCES_MAX);
    // Whoever says too much or too little of all may be wrong about each.
    if (missing.length === 0)
      return {
        lines: [],
        unmatched: [{ ...whole, amountMinor: sign * minor, references: short, reason: 'amounts-differ' }],
      };
    const named = [...new Set(missing.map((one) => this.referenceOf([one, entry])))];
    const foreign = missing.every((one) => this.amountsOf(one).length > 0);
    const reason = foreign ? 'foreign-currency' : 'no-amounts';
    return {
      lines,
      unmatched: [{ ...whole, amountMinor: rest, references: named.slice(0, REFERENCES_MAX), reason }],
    };
  }

  /** The day of booking; where the bank leaves it out, that of the value. */
  private bookedOn(entry: XmlElement): string {
    const [stated] = [...this.all(entry, 'BookgDt'), ...this.all(entry, 'ValDt')];
    const day = stated === undefined ? undefined : DATE.exec(stated.text.trim())?.[0];
    if (day === undefined) throw this.problem(entry, 'BookgDt is no date');
    return day;
  }

  /**
   * All amounts that a transaction tells of itself, those of the booking first: its own (from version 4 on), of the transaction, the
   * countervalue, what was instructed. The announced one is no booking, a proprietary one anything.
   */
  private amountsOf(transaction: XmlElement): XmlElement[] {
    return [
      this.all(transaction, 'Amt'),
      this.all(transaction, 'AmtDtls', 'TxAmt', 'Amt'),
      this.all(transaction, 'AmtDtls', 'CntrValAmt', 'Amt'),
      this.all(transaction, 'AmtDtls', 'InstdAmt', 'Amt'),
    ].flat();
  }

  /** The amount that it tells in this currency; `null` = none. */
  private amountIn(transaction: XmlElement, currency: string): bigint | null {
    const found = this.amountsOf(transaction).find(({ attributes }) => attributes['Ccy'] === currency);
    return found === undefined ? null : this.amount(found).minor;
  }

  /** Money that comes back: an entry that takes back an earlier one, or a payment that was returned. */
  private isReturn(of: readonly XmlElement[]): boolean {
    return of.some(
      (one) =>
        this.all(one, 'RtrInf').length > 0 ||
        this.all(one, 'RvslInd').some(({ text }) => /^(true|1)$/.test(text.trim())),
    );
  }

  private referenceOf(elements: readonly XmlElement[]): string {
    const texts = elements.flatMap((of) =>
      [
        ['Refs', 'EndToEndId'],
        ['RmtInf', 'Strd', 'CdtrRefInf', 'Ref'],
        ['RmtInf', 'Ustrd'],
        ['Refs', 'InstrId'],
        ['Refs', 'TxId'],
        ['Refs', 'PmtInfId'],
        ['Refs', 'AcctSvcrRef'],
        ['NtryRef'],
        ['AcctSvcrRef'],
        ['NtryDtls', 'Btch', 'PmtInfId'],
        ['AddtlTxInf'],
        ['AddtlNtryInf'],
      ]
        .map((path) =>
          this.all(of, ...path)
            .map((one) => one.text)
            .join(''),
        )
        .map((text) => text.trim().slice(0, REFERENCE_CHARS_MAX))
        .filter((text) => text !== '' && text !== 'NOTPROVIDED'),
    );
    return referenceAmong(texts);
  }

  private sign(of: XmlElement): 1n | -1n {
    const word = this.one(of, 'CdtDbtInd').text.trim();
    if (word !== 'CRDT' && word !== 'DBIT') throw this.problem(of, 'CdtDbtInd is neither CRDT nor DBIT');
    return word === 'CRDT' ? 1n : -1n;
  }

  private amount(element: XmlElement): { minor: bigint; currency: string } {
    const currency = element.attributes['Ccy'] ?? '';
    const text = element.text.trim();
    const parts = /^(\d{1,13})(?:\.(\d{1,5}))?$/.exec(text);
    if (!/^[A-Z]{3}$/.test(currency) || parts === null)
      throw this.problem(element, `${JSON.stringify(text.slice(0, 40))} is no amount of a currency`);
    const decimals = minorUnitDigits(currency);
    const fraction = (parts[2] ?? '').replace(/0+$/, '');
    if (fraction.length > decimals)
      throw this.problem(element, `${JSON.stringify(text)} is finer than ${currency} has coins`);
    return { minor: BigInt(`${parts[1]}${fraction.padEnd(decimals, '0')}`), currency };
  }

  /** Whether the statement, and the message that brings it, are one page: of several, each has some of the entries. */
  private isWhole(statement: XmlElement): boolean {
    const message = this.one(this.root, 'BkToCstmrStmt');
    const pages = [...this.all(message, 'GrpHdr', 'MsgPgntn'), ...this.all(statement, 'StmtPgntn')];
    return pages.every(
      (page) =>
        Number(this.one(page, 'PgNb').text) === 1 &&
        /^(true|1)$/.test(this.one(page, 'LastPgInd').text.trim()),
    );
  }

  /** What was there before and all that was booked is what is there now, where the bank says both and keeps back no page. */
  checkBalances(statement: XmlElement, booked: readonly XmlElement[]): void {
    const balance = (code: string): bigint | undefined => {
      const found = this.all(statement, 'Bal').find(
        (one) => this.one(one, 'Tp', 'CdOrPrtry').text.trim() === code,
      );
      return found === undefined ? undefined : this.sign(found) * this.amount(this.one(found, 'Amt')).minor;
    };
    // German banks tell the opening balance as the closing one of the statement before.
    const [before, after] = [balance('OPBD') ?? balance('PRCD'), balance('CLBD')];
    if (before === undefined || after === undefined || !this.isWhole(statement)) return;
    const moved = booked.reduce(
      (sum, entry) => sum + this.sign(entry) * this.amount(this.one(entry, 'Amt')).minor,
      0n,
    );
    if (before + moved !== after)
      throw this.problem(
        statement,
        `its entries come to ${moved} minor units, its balances differ by ${after - before}`,
      );
  }
}

function localName({ name }: XmlElement): string {
  return name.slice(name.indexOf(':') + 1);
}

function firstLine(text: string): string {
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
