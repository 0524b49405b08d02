/**
 * LISTEN kvytok_decided on a connection of its own. It reconnects by itself; whoever listens polls as well, so a
 * notification that is lost while it is away costs a second, nothing more.
 */
import pg from 'pg';
import type { Logger } from '#platform/logger.ts';
import { clientConfig } from '#platform/postgres.ts';
import type { DecidedSignal } from '../ports.ts';

const CHANNEL = 'kvytok_decided';
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 15_000;

/** Starts listening at once, without waiting for the database to be there. */
export function listenDecided(options: { url: string; log: Logger }): DecidedSignal {
  const listeners: (() => void)[] = [];
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let waitMs = RETRY_MS_MIN;

  async function connect(): Promise<void> {
    const own = new pg.Client(
      clientConfig({ url: options.url, applicationName: 'kvytok-portal-listen', statementTimeoutMs: 10_000 }),
    );
    client = own;
    let gone = false;
    const lost = (error?: Error): void => {
      if (gone || stopped) return;
      gone = true;
      options.log.debug({ err: error?.message }, 'portal.listen.lost');
      void own.end().catch(() => {});
      retry();
    };
    own.on('error', lost);
    own.on('end', () => lost());
    own.on('notification', () => {
      for (const listener of listeners) listener();
    });
    try {
      await own.connect();
      await own.query(`LISTEN ${CHANNEL}`);
      waitMs = RETRY_MS_MIN;
    } catch (error) {
      lost(error as Error);
    }
  }

  function retry(): void {
    timer = setTimeout(() => void connect(), waitMs);
    waitMs = Math.min(waitMs * 2, RETRY_MS_MAX);
  }

  const first = connect();
  return {
    onDecided(listener) {
      listeners.push(listener);
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await first;
      await client?.end().catch(() => {});
    },
  };
}
