/** Whose taps are: of each token its family (see home.ts), and of nearly all the one account and medium that it ever stands for. */
import type { CarriedState } from '#pricing/close-rules.ts';
import type { EntitlementFact, PassFact } from '#pricing/model.ts';
import { derivedAccountId } from '../facts/account-of.ts';
import { entitlementFacts } from '../facts/entitlement-facts.ts';
import { createMediaBook, type MediaBook } from '../facts/media-book.ts';
import { familiesOf } from './home.ts';
import { Ints } from './ints.ts';
import type { RepriceFacts } from './model.ts';
import { type RowBytes, tokenOfTap } from './rows.ts';

/** An account with what goes on with it from day to day. */
export interface Rider<Waiting> {
  readonly accountId: string;
  readonly entitlements: readonly EntitlementFact[];
  readonly passes: readonly PassFact[];
  /** What its last day handed on; `null` = nobody asked yet. */
  carried: CarriedState | null;
  /** Its last day, while that waits for the next one to say how a journey ended. */
  waiting: Waiting | null;
}

interface Token<Waiting> {
  readonly tokenId: string;
  /** Whose it is at whatever close from `sinceMs` on; `null` = facts have to be asked for each tap. */
  readonly rider: Rider<Waiting> | null;
  readonly sinceMs: number;
  /** `null` = it depends on what was known. */
  readonly mediumId: string | null;
}

/** All tokens and accounts of a share that have ridden. */
export class People<Waiting> {
  private readonly media: MediaBook;
  private readonly familyName: (tokenId: string) => string;
  private readonly linksOf: ReadonlyMap<string, RepriceFacts['links']>;
  private readonly rightsOf: (accountId: string) => readonly EntitlementFact[];
  private readonly passesOf: (accountId: string) => readonly PassFact[];
  /** What was known then, every close knew. */
  private readonly knownMs: number;
  private readonly families = new Map<string, number>();
  private readonly tokens: Token<Waiting>[] = [];
  /** Beside them: the rows of a day ask for nothing else, in no order. */
  private readonly familyOfToken = new Ints();
  private readonly riders = new Map<string, Rider<Waiting>>();

  constructor(facts: RepriceFacts) {
    this.media = createMediaBook(facts.links, facts.successions);
    this.familyName = familiesOf(facts.links, facts.successions);
    this.linksOf = Map.groupBy(facts.links, ({ tokenId }) => tokenId);
    this.rightsOf = rightsOf(facts);
    this.passesOf = passesOf(facts);
    this.knownMs = facts.closes.reduce(
      (least, { knownFromMs }) => Math.min(least, knownFromMs),
      Number.POSITIVE_INFINITY,
    );
  }

  /** The family of a token; a number that is met for the first time is the one after the last, and the tap's row names its token. */
  familyOf(token: number, row: RowBytes): number {
    if (token < this.familyOfToken.length) return this.familyOfToken.get(token);
    const tokenId = tokenOfTap(row);
    const name = this.familyName(tokenId);
    const family = this.families.get(name) ?? this.families.size;
    this.families.set(name, family);
    this.familyOfToken.push(family);
    this.tokens.push(this.tokenOf(tokenId));
    return family;
  }

  /** Whose a tap is. */
  riderOf(token: number, fareAtMs: number, knownAsOfMs: number | null): Rider<Waiting> {
    const { tokenId, rider, sinceMs } = this.tokens[token] as Token<Waiting>;
    if (rider !== null && fareAtMs >= sinceMs) return rider;
    return this.rider(this.media.accountOf(tokenId, fareAtMs, knownAsOfMs));
  }

  mediumIdOf(token: number, knownAsOfMs: number | null): string {
    const { tokenId, mediumId } = this.tokens[token] as Token<Waiting>;
    return mediumId ?? this.media.mediumIdOf(tokenId, knownAsOfMs);
  }

  /** The accounts whose last day waits. */
  waiting(): Rider<Waiting>[] {
    return [...this.riders.values()].filter((rider) => rider.waiting !== null);
  }

  rider(accountId: string): Rider<Waiting> {
    let rider = this.riders.get(accountId);
    if (rider === undefined) {
      const [entitlements, passes] = [this.rightsOf(accountId), this.passesOf(accountId)];
      rider = { accountId, entitlements, passes, carried: null, waiting: null };
      this.riders.set(accountId, rider);
    }
    return rider;
  }

  private tokenOf(tokenId: string): Token<Waiting> {
    if (!this.media.isPlain(tokenId)) return { tokenId, rider: null, sinceMs: 0, mediumId: null };
    const mediumId = this.media.mediumIdOf(tokenId, null);
    const [link, other] = this.linksOf.get(tokenId) ?? [];
    const always = { tokenId, mediumId };
    if (link === undefined)
      return { ...always, rider: this.rider(derivedAccountId(tokenId)), sinceMs: Number.NEGATIVE_INFINITY };
    const holds = other === undefined && link.validUntilMs === null && link.knownFromMs <= this.knownMs;
    return { ...always, rider: holds ? this.rider(link.accountId) : null, sinceMs: link.validFromMs };
  }
}

const NONE: readonly never[] = [];

function rightsOf({
  entitlements,
  revocations,
}: RepriceFacts): (accountId: string) => readonly EntitlementFact[] {
  const granted = Map.groupBy(entitlements, ({ accountId }) => accountId);
  const revoked = Map.groupBy(revocations, ({ entitlementId }) => entitlementId);
  return (accountId) => {
    const grants = granted.get(accountId);
    if (grants === undefined) return NONE;
    return entitlementFacts(
      grants,
      grants.flatMap(({ entitlementId }) => revoked.get(entitlementId) ?? []),
    );
  };
}

function passesOf({ passes }: RepriceFacts): (accountId: string) => readonly PassFact[] {
  const held = Map.groupBy(passes, ({ accountId }) => accountId);
  return (accountId) =>
    held.get(accountId)?.map(({ passId, fareProductId, validFromMs, validUntilMs, knownFromMs }) => {
      return { passId, fareProductId, validFromMs, validUntilMs, knownFromMs };
    }) ?? NONE;
}
