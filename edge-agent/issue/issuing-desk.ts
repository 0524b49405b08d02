/**
 * The reader's side of a station: it holds the keys, the issuer's signer and the memory of cards that were begun. It runs
 * where cards are read, so that a medium id and a chip id are in no other process.
 */
import type { CardKind } from '#contracts/record.ts';
import { converse } from '../apdu.ts';
import { openDesfire } from '../desfire/desfire-card.ts';
import type { DesfireFailure } from '../desfire/status.ts';
import { KEY_NAMES, type KeyProvider, tokenOf } from '../keys/key-provider.ts';
import { KEY } from '../media/kvytok-desfire/layout.ts';
import type { Medium } from '../media/medium.ts';
import { openCard } from '../media/read-medium.ts';
import type { CardReading, CardTransport, Timers } from '../ports.ts';
import { CardWork, type IssueStep, type Look, newestOf, type Unfit } from './card-work.ts';
import { type IssuerSigner, makeIdentity } from './identity.ts';
import type { BegunCard, CardLook, IssueOrder, IssuingVisit, Outcome, Refused } from './orders.ts';

/** A begun card with what only this side may know. */
export interface Plan extends BegunCard {
  /** Chip, hex. */
  readonly uid: string;
  /** File 1, hex. */
  readonly identity: string;
}

/** Durable memory of begun cards. A write that returned is on the disk. */
export interface PlanStore {
  all(): readonly Plan[];
  save(plan: Plan): void;
  remove(tokenId: string): void;
}

export interface IssuingDeskDeps {
  readonly keys: KeyProvider;
  readonly issuer: IssuerSigner;
  readonly plans: PlanStore;
  /** Media of a validator: what it does not read was not issued. */
  readonly media: readonly Medium[];
  readonly random: (bytes: number) => Uint8Array;
  readonly timers: Timers;
  readonly nowMs: () => number;
  readonly takesEv1: boolean;
}

export interface IssuingDesk {
  /** A card in the field. */
  visit(card: CardTransport): IssuingVisit;
  begun(): readonly BegunCard[];
  forget(tokenId: string): void;
}

const MEDIUM_ID_BYTES = 16;
/** Real milliseconds for one piece of work on a card. The clerk holds it or lays it down: nobody waits behind. */
const WORK_MS_MAX = 15_000;
/** A card from blank to whole on EV1, where each command is several frames, needs about 120. */
const APDUS_MAX = 400;

/** Makes the desk. */
export function createIssuingDesk(deps: IssuingDeskDeps): IssuingDesk {
  return {
    visit: (card) => new Visit(deps, card),
    begun: () => deps.plans.all().map(publicPart),
    forget: (tokenId) => deps.plans.remove(tokenId),
  };
}

function publicPart({ tokenId, order, keyVersion, begunAtMs }: Plan): BegunCard {
  return { tokenId, order, keyVersion, begunAtMs };
}

class Visit implements IssuingVisit {
  private readonly deps: IssuingDeskDeps;
  private readonly card: CardTransport;
  private chip: Look | undefined;
  private plan: Plan | undefined;

  constructor(deps: IssuingDeskDeps, card: CardTransport) {
    this.deps = deps;
    this.card = card;
  }

  look(): Promise<CardLook> {
    return this.work(async (work) => {
      const seen = await work.look();
      if (!seen.ok) return refusalOf(seen.failure);
      if (typeof seen.value === 'string') return unfit(seen.value);
      this.chip = seen.value;
      const uid = seen.value.uid.toString('hex');
      this.plan = this.deps.plans.all().find((plan) => plan.uid === uid);
      if (this.plan) return { ok: true, state: 'begun', begun: publicPart(this.plan) };
      const { state } = seen.value;
      if (state === 'foreign') return { ok: false, reason: 'ISSUE_FOREIGN_CARD' };
      return state === 'issued' ? this.issuedLook(work) : { ok: true, state: 'blank' };
    });
  }

  private async issuedLook(work: CardWork): Promise<CardLook> {
    const current = await work.allCurrent();
    if (!current.ok) return refusalOf(current.failure);
    const read = identityOf(await this.readAsValidator());
    if (!('tokenId' in read)) return read;
    return {
      ok: true,
      state: 'issued',
      ...read,
      keyVersion: this.whichChip().keyVersion,
      current: current.value,
    };
  }

  async begin(order: IssueOrder): Promise<BegunCard> {
    const { keys, issuer, random, plans, nowMs } = this.deps;
    const { uid } = this.whichChip();
    const mediumId = random(MEDIUM_ID_BYTES);
    const identity = await makeIdentity(order.contents, { mediumId, uid }, issuer);
    const tokenId = await tokenOf(
      keys,
      { name: KEY_NAMES.token, version: newestOf(keys, { name: KEY_NAMES.token }) },
      mediumId,
    );
    this.plan = {
      tokenId,
      order,
      keyVersion: newestOf(keys, KEY.read),
      begunAtMs: nowMs(),
      uid: uid.toString('hex'),
      identity: identity.toString('hex'),
    };
    plans.save(this.plan);
    return publicPart(this.plan);
  }

  async finish(onStep: (step: IssueStep) => void): Promise<Outcome> {
    const { plan } = this;
    if (!plan) throw new TypeError('nothing was begun on this card');
    const refused = await this.work(async (work) => {
      const seen = await work.look();
      if (!seen.ok) return refusalOf(seen.failure);
      // Somebody changed the card between the two looks: the plan is another's.
      if (typeof seen.value === 'string' || seen.value.uid.toString('hex') !== plan.uid)
        return { ok: false, reason: 'ISSUE_CARD_GONE' } as const;
      const { randomUid } = plan.order;
      const made = await work.personalise(Buffer.from(plan.identity, 'hex'), { randomUid });
      return made.ok ? undefined : refusalOf(made.failure);
    }, onStep);
    return refused ?? this.readBack(plan.tokenId);
  }

  async rekey(onStep: (step: IssueStep) => void): Promise<Outcome> {
    const before = identityOf(await this.readAsValidator());
    if (!('tokenId' in before)) return before;
    const refused = await this.work(async (work) => {
      const seen = await work.look();
      if (!seen.ok) return refusalOf(seen.failure);
      const changed = await work.rekey();
      return changed.ok ? undefined : refusalOf(changed.failure);
    }, onStep);
    return refused ?? this.readBack(before.tokenId);
  }

  async wipe(): Promise<Outcome> {
    const { plan } = this;
    if (!plan) throw new TypeError('only what was begun here is wiped');
    const refused = await this.work(async (work) => {
      const seen = await work.look();
      if (!seen.ok) return refusalOf(seen.failure);
      if (typeof seen.value !== 'string' && seen.value.state === 'blank') return undefined;
      const wiped = await work.wipe();
      return wiped.ok ? undefined : refusalOf(wiped.failure);
    });
    return refused ?? { ok: true, tokenId: plan.tokenId, keyVersion: plan.keyVersion };
  }

  /** A card that the validators' own code does not read as what it is to be was not issued. */
  private async readBack(tokenId: string): Promise<Outcome> {
    const read = identityOf(await this.readAsValidator());
    if (!('tokenId' in read)) return read;
    if (read.tokenId !== tokenId)
      return { ok: false, reason: 'ISSUE_READ_BACK_FAILED', detail: 'another token' };
    return { ok: true, tokenId, keyVersion: newestOf(this.deps.keys, KEY.read) };
  }

  private async readAsValidator(): Promise<CardReading> {
    const budget = { timers: this.deps.timers, timeMsMax: WORK_MS_MAX };
    const opened = await openCard(this.card, this.deps.media, budget);
    opened.end();
    return opened.reading;
  }

  private async work<T>(
    what: (work: CardWork) => Promise<T>,
    onStep: (step: IssueStep) => void = () => {},
  ): Promise<T> {
    const { timers, keys, random, takesEv1 } = this.deps;
    const talk = converse(this.card, { timers, timeMsMax: WORK_MS_MAX, apdusMax: APDUS_MAX });
    const card = openDesfire(talk);
    try {
      return await what(new CardWork({ card, keys, random, takesEv1, onStep }));
    } finally {
      await card.end();
      talk.end();
    }
  }

  private whichChip(): Look {
    if (!this.chip) throw new TypeError('a card is looked at first');
    return this.chip;
  }
}

/** What a validator reads of an issued card. */
function identityOf(
  reading: CardReading,
): { readonly tokenId: string; readonly cardKind: CardKind } | Refused {
  if (!reading.ok) {
    const gone = reading.reason === 'CARD_UNREADABLE';
    return { ok: false, reason: gone ? 'ISSUE_CARD_GONE' : 'ISSUE_READ_BACK_FAILED', detail: reading.reason };
  }
  if ('service' in reading) return { tokenId: reading.service.staffTokenId, cardKind: reading.service.role };
  const { tokenId, mediumKind } = reading.card;
  if (mediumKind === 'bank') return { ok: false, reason: 'ISSUE_FOREIGN_CARD' };
  return { tokenId, cardKind: mediumKind };
}

function unfit(what: Unfit): Refused {
  const reasons = {
    'not-desfire': 'ISSUE_NOT_DESFIRE',
    'ev1-not-taken': 'ISSUE_EV1_NOT_TAKEN',
  } as const;
  return { ok: false, reason: reasons[what] };
}

function refusalOf(failure: DesfireFailure): Refused {
  switch (failure.kind) {
    case 'gone':
      return { ok: false, reason: 'ISSUE_CARD_GONE' };
    case 'not-genuine':
      return { ok: false, reason: 'ISSUE_NOT_GENUINE' };
    case 'malformed':
      return { ok: false, reason: 'ISSUE_NOT_DESFIRE' };
    case 'status':
      return { ok: false, reason: 'ISSUE_CARD_REFUSES', detail: failure.status.toString(16) };
  }
}
