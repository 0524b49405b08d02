/**
 * Fetches what the deny list lacks, and nothing else: a validator that is current hears a manifest of a few hundred
 * bytes at each connection, one that is behind asks for its deltas or chunks a few at a time. Taking them gives way to
 * cards; a city that does not answer is asked again with growing patience.
 */
import { LISTS } from '#contracts/topics.ts';
import type { Logger } from '#platform/logger.ts';
import type { DenyList, DenyOutcome } from './deny-list.ts';
import type { Timers, Uplink } from './ports.ts';

/** Topics asked for at once: enough to fill a link with a long way, few enough to stay small in memory. */
const AT_ONCE_MAX = 4;
/** How long an answer is waited for; a link on which nothing came is asked for less and waited for longer. */
const ANSWER_MS = 5000;
const ANSWER_MS_MAX = 60_000;
/** How long a city that has nothing for us is left alone; doubles each time in vain. */
const PATIENCE_MS = 5000;
const PATIENCE_MS_MAX = 300_000;

export interface DenyFetcherDeps {
  readonly denyList: DenyList;
  readonly uplink: Pick<Uplink, 'fetchList' | 'connected'>;
  readonly timers: Timers;
  readonly log: Logger;
}

export interface DenyFetcher {
  /** A manifest came; what it makes necessary is fetched. */
  manifest(payload: Uint8Array): void;
  /** Fetches no more; resolves when what came has been taken. */
  stop(): Promise<void>;
}

/** Makes the fetcher of one device. */
export function createDenyFetcher(deps: DenyFetcherDeps): DenyFetcher {
  const { denyList, uplink, timers, log } = deps;
  let stopped = false;
  let round: Promise<void> | undefined;
  let cancelPatience: (() => void) | undefined;
  let patienceMs = PATIENCE_MS;
  let atOnce = AT_ONCE_MAX;
  let answerMs = ANSWER_MS;

  async function take(topic: string, payload: Uint8Array): Promise<DenyOutcome> {
    const outcome = await denyList.receive(topic, payload);
    if (outcome === 'refused' || outcome === 'mismatch' || outcome === 'disk-failed')
      log.warn({ topic, outcome }, 'edge.deny-list.not-taken');
    if (outcome === 'applied' && !denyList.behind()) {
      const { version, entries } = denyList.state();
      log.debug({ ...version, entries }, 'edge.deny-list.current');
    }
    return outcome;
  }

  /** One handful: asked for together, taken in order. Says whether it led on. */
  async function handful(topics: readonly string[]): Promise<boolean> {
    const parts = await Promise.all(
      topics.map((topic) => uplink.fetchList(topic, answerMs).catch(() => null)),
    );
    if (parts.every((part) => part === null)) {
      atOnce = 1;
      answerMs = Math.min(ANSWER_MS_MAX, answerMs * 2);
    } else atOnce = Math.min(AT_ONCE_MAX, atOnce + 1);
    let ledOn = false;
    for (const [at, payload] of parts.entries()) {
      if (payload === null || stopped) continue;
      await timers.rest();
      const outcome = await take(topics[at] as string, payload);
      ledOn ||= outcome === 'applied' || outcome === 'kept-aside';
    }
    return ledOn;
  }

  async function fetchAll(): Promise<void> {
    while (!stopped && uplink.connected) {
      const topics = denyList.wanted(atOnce);
      if (topics.length === 0) return;
      if (!(await handful(topics))) return beWaiting();
      patienceMs = PATIENCE_MS;
    }
  }

  function beWaiting(): void {
    if (stopped) return;
    cancelPatience = timers.after(patienceMs, () => {
      cancelPatience = undefined;
      fetchMore();
    });
    patienceMs = Math.min(PATIENCE_MS_MAX, patienceMs * 2);
  }

  function fetchMore(): void {
    if (round || cancelPatience || stopped) return;
    round = fetchAll()
      .catch((err: unknown) => log.error({ err }, 'edge.deny-list.fetch-failed'))
      .finally(() => {
        round = undefined;
      });
  }

  return {
    manifest(payload) {
      void take(LISTS.denyManifest, payload)
        .then((outcome) => {
          // News is a reason to ask at once, also of a city that had nothing a moment ago.
          if (outcome === 'applied') {
            cancelPatience?.();
            cancelPatience = undefined;
          }
          fetchMore();
        })
        .catch((err: unknown) => log.error({ err }, 'edge.deny-list.manifest-failed'));
    },
    async stop() {
      stopped = true;
      cancelPatience?.();
      await round;
      await denyList.settled();
    },
  };
}
