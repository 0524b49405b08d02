/**
 * An issuing station: one card after the other becomes what the next order says. Each act stands in the signed journal with
 * who did it, before the card can work and after it does; a card that was torn away is finished when it comes back.
 */
import { Type } from 'typebox';
import { TokenId } from '#contracts/ids.ts';
import { decodeJsonText, parserOf } from '#contracts/parse.ts';
import type { CardActBody, CardKind } from '#contracts/record.ts';
import type { Logger } from '#platform/logger.ts';
import type { CityTies } from '../city-ties.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { Journal } from '../journal.ts';
import type { JournalNote } from '../ports.ts';
import type { IssueStep } from './card-work.ts';
import type { OrderBook } from './order-book.ts';
import type { BegunCard, CardLook, IssueRefusal, IssuingReader, IssuingVisit, Outcome } from './orders.ts';

/** What the station does with cards that are held to it. */
export type StationMode = 'issue' | 'rekey' | 'wipe';

/** What happened, for the person at the station. */
export type StationEvent =
  | { readonly event: 'step'; readonly step: IssueStep }
  | ({ readonly event: 'issued' | 'rekeyed' | 'wiped' | 'given-up' } & Acted)
  /** Not finished: hold it again. The card is refused everywhere until then. */
  | {
      readonly event: 'torn';
      readonly tokenId: string;
      readonly reason: IssueRefusal;
      readonly detail?: string;
    }
  | { readonly event: 'refused'; readonly reason: StationRefusal; readonly detail?: string };

interface Acted {
  readonly tokenId: string;
  readonly cardKind: CardKind;
  readonly keyVersion: number;
  readonly replacesTokenId?: string;
  readonly batch?: string;
  readonly line?: number;
}

export type StationRefusal =
  | IssueRefusal
  | 'ISSUE_ALREADY_ISSUED'
  | 'ISSUE_KEYS_CURRENT'
  | 'ISSUE_NOTHING_TO_DO'
  /** The journal takes no record: nothing is done to any card. */
  | 'ISSUE_JOURNAL_BROKEN';

export interface StationDeps {
  readonly journal: Journal;
  readonly keeper: Timekeeper;
  readonly reader: IssuingReader;
  readonly ties: Pick<CityTies, 'start' | 'stop' | 'pump' | 'recovered'>;
  readonly book: OrderBook;
  readonly mode: StationMode;
  readonly staffId: string;
  readonly log: Logger;
  readonly onEvent: (event: StationEvent) => void;
}

export interface Station {
  start(): Promise<void>;
  /** Lets the card in hand be finished, takes no other. */
  stop(): Promise<void>;
  /** Resolves when every order of the book is done; never for work without an end. */
  readonly finished: Promise<void>;
  /** Gives up every begun card that was not issued: whoever finds one finds it denied. Gives how many. */
  giveUp(): Promise<number>;
}

/**
 * Note of the journal with the cards whose `issued` was written and that may still be remembered as begun: between the two
 * the station may stop, and such a card is nobody's to give up.
 */
const ISSUED_NOTE = 'issued-cards';
/** Only a failing disk or another batch leaves any; more are forgotten, the oldest first. */
const ISSUED_MAX = 64;
const parseIssued = parserOf(Type.Array(TokenId, { maxItems: ISSUED_MAX }));

/** Makes a station over its parts; nothing runs before `start`. */
export function createStation(deps: StationDeps): Station {
  return new IssuingStation(deps);
}

class IssuingStation implements Station {
  readonly finished: Promise<void>;
  private readonly deps: StationDeps;
  private resolveFinished: () => void = () => {};
  private lane: Promise<void> = Promise.resolve();
  private running = false;
  /** Issued, and not forgotten as begun. */
  private issued: readonly string[];

  constructor(deps: StationDeps) {
    this.deps = deps;
    this.issued = issuedOf(deps.journal.note(ISSUED_NOTE));
    this.finished = new Promise((resolve) => {
      this.resolveFinished = resolve;
    });
  }

  async start(): Promise<void> {
    this.running = true;
    await this.deps.ties.start();
    await this.deps.reader.start((visit) => this.inLane(() => this.present(visit)));
    await this.inLane(() => this.settleIssued());
  }

  async stop(): Promise<void> {
    if (!this.running) return;
    this.running = false;
    await this.lane;
    await this.deps.reader.stop();
    await this.deps.ties.stop();
  }

  async giveUp(): Promise<number> {
    let given = 0;
    for (const card of await this.deps.reader.begun()) {
      if (this.issued.includes(card.tokenId)) {
        // Its holder rides with it; only the batch has not heard of it yet.
        this.refuse('ISSUE_ALREADY_ISSUED', card.tokenId);
        continue;
      }
      if (!this.record('given-up', actOf(card))) break;
      await this.deps.reader.forget(card.tokenId);
      given += 1;
    }
    return given;
  }

  /** Cards that an earlier run has issued without coming to the end: their orders are done, and they are begun no more. */
  private async settleIssued(): Promise<void> {
    if (this.issued.length === 0) return;
    for (const card of await this.deps.reader.begun()) {
      if (!this.issued.includes(card.tokenId)) continue;
      // Of an order that is no batch's only the card itself was remembered.
      if (card.order.batch === undefined) await this.forgetIssued(card);
      else await this.orderDone(card);
    }
  }

  /**
   * Remembers that an order was carried out, then forgets its card; a disk that fails leaves it to the next start, and
   * another batch's line to that batch.
   */
  private async orderDone(card: BegunCard): Promise<void> {
    const { book, log } = this.deps;
    if (!book.knows(card.order)) return;
    try {
      book.finish(card.order);
      await this.forgetIssued(card);
    } catch (err) {
      log.error({ err }, 'issue.order.not-remembered');
    }
  }

  private async forgetIssued({ tokenId }: BegunCard): Promise<void> {
    await this.deps.reader.forget(tokenId);
    this.issued = this.issued.filter((token) => token !== tokenId);
  }

  /** Writes the end of a card down, once, with the note that it is nobody's to give up. */
  private recordIssued(card: BegunCard): boolean {
    if (this.issued.includes(card.tokenId)) {
      this.deps.onEvent({ event: 'issued', ...eventOf(actOf(card)) });
      return true;
    }
    const issued = [card.tokenId, ...this.issued].slice(0, ISSUED_MAX);
    if (!this.record('issued', actOf(card), { key: ISSUED_NOTE, text: JSON.stringify(issued) })) return false;
    this.issued = issued;
    return true;
  }

  private inLane(work: () => Promise<void>): Promise<void> {
    const done = this.lane.then(() => (this.running ? work() : undefined));
    this.lane = done.catch((err: unknown) => this.deps.log.error({ err }, 'issue.card.failed'));
    return this.lane;
  }

  private async present(visit: IssuingVisit): Promise<void> {
    if (!this.deps.ties.recovered() || !this.deps.journal.hasRoom()) {
      this.refuse('ISSUE_JOURNAL_BROKEN');
      return;
    }
    const look = await visit.look();
    if (!look.ok) this.refuse(look.reason, look.detail);
    else if (look.state === 'issued') await this.issuedCard(visit, look);
    else if (look.state === 'begun') await this.begunCard(visit, look.begun);
    else await this.blankCard(visit);
    if (this.deps.mode === 'issue' && this.deps.book.done()) this.resolveFinished();
  }

  private async blankCard(visit: IssuingVisit): Promise<void> {
    const { book, mode, reader, staffId } = this.deps;
    const begun = await reader.begun();
    const order = mode === 'issue' ? book.next(begun.map((card) => card.order)) : undefined;
    if (order === undefined) {
      this.refuse('ISSUE_NOTHING_TO_DO');
      return;
    }
    const card = await visit.begin({ ...order, staffId });
    if (this.record('begun', actOf(card))) await this.finish(visit, card);
    // Not written down: the card was not touched, and is not.
    else await reader.forget(card.tokenId);
  }

  /** Torn before, here or before a restart: what is left is done, whatever the next order says. */
  private async begunCard(visit: IssuingVisit, card: BegunCard): Promise<void> {
    if (this.deps.mode !== 'wipe') {
      await this.finish(visit, card);
      return;
    }
    const outcome = await visit.wipe();
    if (!outcome.ok) this.torn(card, outcome);
    else if (this.record('wiped', actOf(card))) await this.deps.reader.forget(card.tokenId);
  }

  private async finish(visit: IssuingVisit, card: BegunCard): Promise<void> {
    const { onEvent } = this.deps;
    const outcome = await visit.finish((step) => onEvent({ event: 'step', step }));
    if (!outcome.ok) {
      this.torn(card, outcome);
      return;
    }
    if (this.recordIssued(card)) await this.orderDone(card);
  }

  private async issuedCard(visit: IssuingVisit, look: Extract<CardLook, { state: 'issued' }>): Promise<void> {
    const { mode, onEvent } = this.deps;
    if (mode !== 'rekey') {
      this.refuse('ISSUE_ALREADY_ISSUED', look.tokenId);
      return;
    }
    if (look.current) {
      this.refuse('ISSUE_KEYS_CURRENT', look.tokenId);
      return;
    }
    const outcome = await visit.rekey((step) => onEvent({ event: 'step', step }));
    if (!outcome.ok) onEvent({ event: 'torn', tokenId: look.tokenId, ...reasonOf(outcome) });
    else this.record('rekeyed', { ...look, keyVersion: outcome.keyVersion });
  }

  /** Writes the act down; what is written is told. */
  private record(act: CardActBody['act'], acted: Acted, note?: JournalNote): boolean {
    const { journal, keeper, ties, staffId, log, onEvent } = this.deps;
    const { tokenId, cardKind, keyVersion, replacesTokenId, batch } = acted;
    const body: CardActBody = {
      act,
      tokenId,
      cardKind,
      staffId,
      keyVersion,
      ...(replacesTokenId !== undefined && { replacesTokenId }),
      ...(batch !== undefined && { batch }),
    };
    const written = journal.append({ kind: 'card-act', at: keeper.evidence(), body }, note);
    if (!written.ok) {
      log.error({ why: written.why, err: written.cause }, 'issue.journal.append-failed');
      this.refuse('ISSUE_JOURNAL_BROKEN');
      return false;
    }
    ties.pump();
    if (act !== 'begun') onEvent({ event: act, ...eventOf(acted) });
    return true;
  }

  private torn({ tokenId }: BegunCard, refused: Extract<Outcome, { ok: false }>): void {
    this.deps.onEvent({ event: 'torn', tokenId, ...reasonOf(refused) });
  }

  private refuse(reason: StationRefusal, detail?: string): void {
    this.deps.onEvent({ event: 'refused', reason, ...(detail !== undefined && { detail }) });
  }
}

function issuedOf(text: string | null): readonly string[] {
  const json = text === null ? undefined : decodeJsonText(text);
  const tokens = json?.ok ? parseIssued(json.value) : undefined;
  return tokens?.ok ? tokens.value : [];
}

function actOf({ tokenId, order, keyVersion }: BegunCard): Acted {
  const { contents, replacesTokenId, batch } = order;
  return {
    tokenId,
    cardKind: contents.kind,
    keyVersion,
    ...(replacesTokenId !== undefined && { replacesTokenId }),
    ...(batch && { batch: batch.name, line: batch.line }),
  };
}

function eventOf({ tokenId, cardKind, keyVersion, replacesTokenId, batch, line }: Acted): Acted {
  return {
    tokenId,
    cardKind,
    keyVersion,
    ...(replacesTokenId !== undefined && { replacesTokenId }),
    ...(batch !== undefined && { batch }),
    ...(line !== undefined && { line }),
  };
}

function reasonOf({ reason, detail }: Extract<Outcome, { ok: false }>) {
  return { reason, ...(detail !== undefined && { detail }) };
}
