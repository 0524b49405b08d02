/** What the core shows on the panel and hears from its keys. Part of the ports (`../ports.ts`). */
import type { Language, RefusalCode } from '#contracts/reason-codes.ts';

/** What the panel asks for: one more rider who pays, one who rides along under the holder's right, a piece of baggage. */
export type Offer = 'companion' | 'escort' | 'bag';

/** What the passenger sees, or a driver who holds a service card. */
export interface ScreenView {
  readonly sign: 'waiting' | 'accepted' | 'refused' | 'out-of-order' | 'staff';
  readonly reason?: RefusalCode;
  /** Reference under which the holder finds out why (contracts/debt-reference.ts). */
  readonly lookUp?: string;
  readonly language: Language;
  readonly online: boolean;
  /** City time of the view. */
  readonly atMs: number;
  /** The touch repeats an earlier one: one ride, shown as such. */
  readonly repeated?: boolean;
  /** Companions paid for in this ride so far. */
  readonly companions?: number;
  /** Escorts recorded in it so far, beyond the companions who may be paid for. */
  readonly escorts?: number;
  /** Bags paid for in it so far. */
  readonly bags?: number;
  /** What this answer has added to the ride. */
  readonly added?: Offer;
  /** What more may be asked for, the one that a touch answers first; absent or empty = nothing. */
  readonly asking?: readonly Offer[];
  /** What is known of pass and account. */
  readonly preview?: Preview;
  /** What a driver may choose. */
  readonly menu?: DriverMenu;
  /** What the driver should know. */
  readonly notices?: readonly Notice[];
  /** Whole minutes since the city vouched for the deny list; where it is shown. */
  readonly listAgeMin?: number;
  /** Number of the card that was answered, counted since the start: two answers that look the same are two. */
  readonly cardNo?: number;
}

/** What this ride costs and how long a transfer stays open, or why that is not known. */
export interface FarePreview {
  /** Nothing can be said: the line or the stop on which the fare depends is not known, no tariff of this time is, or the clock is not sure. */
  readonly unknown?: 'route' | 'stop' | 'tariff' | 'clock';
  /** Full price of this ride, before any right of its rider. Minor units as digits. */
  readonly fare?: { readonly amountMinor: string; readonly currency: string; readonly transfer: boolean };
  readonly transfer?:
    | 'unknown'
    | {
        /** Whole minutes left; null = until the end of the day. */
        readonly minutes: number | null;
        /** To every line; false = to some. */
        readonly everywhere: boolean;
        readonly free: boolean;
      };
}

/** What is known of a card and its account, with its age; nothing that is not known. */
export interface Preview {
  /** IANA zone in which its instants are read. */
  readonly zone: string;
  readonly ride?: FarePreview;
  /** A pass by the card's signed product; exclusive. */
  readonly passUntilMs?: number;
  /** As the city knew it at an instant. */
  readonly hint?: {
    readonly asOfMs: number;
    readonly quotaLeft?: number;
    /** Minor units as digits, a minus before a debt. */
    readonly balance?: { readonly amountMinor: string; readonly currency: string };
  };
}

/** A line that a driver can take, as the panel names it. */
export interface LineChoice {
  readonly routeId: string;
  readonly directionId: 0 | 1;
  /** Last stop. */
  readonly towards: string;
  /** Its name; absent = the city has told none. */
  readonly towardsNames?: Partial<Readonly<Record<Language, string>>> & { readonly own: string };
}

/** What a driver's service card opens. */
export interface DriverMenu {
  /** The line driven now by the driver's word; null = no shift is open. */
  readonly shift: { readonly routeId?: string; readonly directionId?: 0 | 1 } | null;
  readonly lines: readonly LineChoice[];
  /** A breakdown was declared in this shift. */
  readonly brokenDown: boolean;
}

/** Warnings for the driver; each has its words on the panel. */
export type Notice = 'journal-nearly-full' | 'journal-full' | 'disk' | 'reader' | 'list-old' | 'list-none';

/** A key of the panel. */
export type Press =
  | { readonly press: 'companion' | 'bag' | 'enough' | 'language' | 'close-shift' | 'breakdown' | 'leave' }
  | { readonly press: 'open-shift'; readonly routeId: string; readonly directionId: 0 | 1 };

export interface Screen {
  show(view: ScreenView): void;
}
