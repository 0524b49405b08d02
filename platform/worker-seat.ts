/**
 * Seats of workers at one database. A seat is a lock that lives exactly as long as its holder's session: whoever is
 * killed, cut off or frozen loses it without anybody having to notice first, and needs no clock for it. Workers that share a
 * stream have a seat each and see who else sits there.
 *
 * @see https://www.postgresql.org/docs/18/explicit-locking.html#ADVISORY-LOCKS
 * @see https://www.postgresql.org/docs/18/runtime-config-client.html#GUC-IDLE-SESSION-TIMEOUT
 */
import { createHash } from 'node:crypto';
import pg from 'pg';
import type { Logger } from './logger.ts';
import { clientConfig } from './postgres.ts';

export interface SeatOptions {
  /** Database address; any role may take a seat. */
  readonly url: string;
  /** Who sits together, e.g. `ingest`. */
  readonly room: string;
  /** Name of the seat. Of several processes that ask for the same one, the first has it until it is gone. */
  readonly seat: string;
  readonly log: Logger;
  /** How often the seat is asked for, kept alive, and looked around from. */
  readonly everyMs?: number;
  /** A holder silent for so long loses its seat. */
  readonly silentMsMax?: number;
}

export interface Seat {
  /** Number of this seat among {@link seated}. */
  readonly number: number;
  /** Whether this process sits there now. False while the database is away. */
  mine(): boolean;
  /** Numbers of the seats that were taken in this room at the last look, sorted; empty while the database is away. */
  seated(): readonly number[];
  /** Asks and looks now. Never throws. */
  look(): Promise<void>;
  /** Gives the seat up. May be called twice. */
  stop(): Promise<void>;
}

const EVERY_MS = 1000;
const SILENT_MS_MAX = 5000;
const LOOK_MS_MAX = 3000;

const SEATED = `
  SELECT l.objid::int8 AS seat FROM pg_locks AS l
  WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.classid = $1
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
  ORDER BY seat`;

/** Asks for a seat, at once and then again and again; resolves after the first try, whatever came of it. */
export async function openSeat(options: SeatOptions): Promise<Seat> {
  const seat = new HeldSeat(options);
  await seat.look();
  return seat;
}

class HeldSeat implements Seat {
  readonly number: number;
  readonly #options: SeatOptions;
  readonly #room: number;
  readonly #timer: NodeJS.Timeout;
  #session: pg.Client | undefined;
  #mine = false;
  #seated: readonly number[] = [];
  #looking: Promise<void> | undefined;
  #stopping: Promise<void> | undefined;

  constructor(options: SeatOptions) {
    this.#options = options;
    this.#room = keyOf(options.room);
    this.number = keyOf(options.seat);
    this.#timer = setInterval(() => void this.look(), options.everyMs ?? EVERY_MS);
    this.#timer.unref();
  }

  mine(): boolean {
    return this.#mine;
  }

  seated(): readonly number[] {
    return this.#seated;
  }

  look(): Promise<void> {
    this.#looking ??= this.#lookAround().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  stop(): Promise<void> {
    this.#stopping ??= this.#leave();
    return this.#stopping;
  }

  async #leave(): Promise<void> {
    clearInterval(this.#timer);
    await this.#looking;
    const session = this.#session;
    this.#lose(session);
    await session?.end().catch(() => {});
  }

  async #lookAround(): Promise<void> {
    const { log, room, seat } = this.#options;
    try {
      const session = this.#session ?? (await this.#connect());
      if (!this.#mine) {
        const { rows } = await session.query('SELECT pg_try_advisory_lock($1, $2) AS mine', [
          signed(this.#room),
          signed(this.number),
        ]);
        if (session !== this.#session) return;
        this.#mine = rows[0]?.mine === true;
        if (this.#mine) log.info({ room, seat }, 'seat.taken');
      }
      const { rows } = await session.query<{ seat: bigint }>(SEATED, [this.#room]);
      if (session === this.#session) this.#seated = rows.map((row) => Number(row.seat));
    } catch (error) {
      log.debug({ room, seat, problem: (error as Error).message }, 'seat.database-away');
      const session = this.#session;
      this.#lose(session);
      await session?.end().catch(() => {});
    }
  }

  async #connect(): Promise<pg.Client> {
    const { url, room, silentMsMax = SILENT_MS_MAX } = this.#options;
    const session = new pg.Client({
      ...clientConfig({ url, applicationName: `kvytok-seat-${room}`, statementTimeoutMs: LOOK_MS_MAX }),
      query_timeout: LOOK_MS_MAX,
      connectionTimeoutMillis: LOOK_MS_MAX,
    });
    session.on('error', () => this.#lose(session));
    session.on('end', () => this.#lose(session));
    await session.connect();
    this.#session = session;
    await session.query(`SET idle_session_timeout = ${Math.trunc(silentMsMax)}`);
    return session;
  }

  #lose(session: pg.Client | undefined): void {
    if (session === undefined || session !== this.#session) return;
    const { log, room, seat } = this.#options;
    if (this.#mine && this.#stopping === undefined) log.warn({ room, seat }, 'seat.lost');
    this.#session = undefined;
    this.#mine = false;
    this.#seated = [];
  }
}

/** A name as one of PostgreSQL's 32-bit lock keys, as it stands in pg_locks (unsigned). */
function keyOf(name: string): number {
  return createHash('sha256').update(`kvytok ${name}`).digest().readUInt32BE(0);
}

/** The same 32 bits as the lock functions take them. */
function signed(key: number): number {
  return key | 0;
}
