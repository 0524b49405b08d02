/**
 * When a certificate is followed by its successor: while more than a third of its life is left there is nothing to do;
 * then it is tried, with waits in between, until it holds. No passenger ever waits for it.
 */
import type { Logger } from '#platform/logger.ts';
import type { Chance, Timers } from './ports.ts';

/** Dates of a certificate, real time. */
export interface Validity {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/** `refused` is the city's word and is told loudly; `failed` is trouble on the way. */
export type RenewalOutcome = 'renewed' | 'refused' | 'failed';

export interface RenewalDeps {
  readonly validity: () => Validity;
  /** Asks the city once; never rejects. A stop does not wait for the answer: with the signal it gives up. */
  readonly renew: (signal: AbortSignal) => Promise<RenewalOutcome>;
  /** Real time, as TLS reads it. */
  readonly machineMs: () => number;
  readonly timers: Timers;
  readonly chance: Chance;
  readonly log: Logger;
}

/** Part of the life after which it is tried, and by how much devices are spread so that they do not come at once. */
const DUE_AT = 0.6;
const SPREAD = 0.06;
/** A timer of a machine counts 24.8 days at most, and a clock may be set: it is looked again each hour. */
const LOOK_EVERY_MS = 3_600_000;
const RETRY_MS = { first: 60_000, max: 3_600_000 };

/** When a certificate is to be followed: between 60 and 66 hundredths of its life, by chance. */
export function renewalDueMs({ notBeforeMs, notAfterMs }: Validity, chance: number): number {
  return notBeforeMs + (notAfterMs - notBeforeMs) * (DUE_AT + SPREAD * chance);
}

/** Keeps the certificate young until stopped. */
export function keepRenewed(deps: RenewalDeps): { stop(): Promise<void> } {
  const { timers, log } = deps;
  let part = deps.chance();
  let failures = 0;
  const stopping = new AbortController();
  let cancel: (() => void) | undefined;
  let working: Promise<void> | undefined;

  function schedule(): void {
    if (stopping.signal.aborted) return;
    const dueInMs = renewalDueMs(deps.validity(), part) - deps.machineMs();
    const boundMs =
      failures === 0 ? 0 : Math.min(RETRY_MS.max, RETRY_MS.first * 2 ** Math.min(failures - 1, 10));
    const waitMs = Math.max(dueInMs, boundMs * (0.5 + deps.chance() / 2));
    cancel = timers.after(Math.min(waitMs, LOOK_EVERY_MS), () => {
      working = (waitMs <= LOOK_EVERY_MS ? attempt() : Promise.resolve()).then(schedule);
    });
  }

  async function attempt(): Promise<void> {
    const outcome = await deps.renew(stopping.signal);
    if (outcome === 'renewed') {
      failures = 0;
      part = deps.chance();
      return;
    }
    if (stopping.signal.aborted) return;
    failures += 1;
    const { notAfterMs } = deps.validity();
    const level = outcome === 'refused' ? 'error' : failures === 1 ? 'warn' : 'debug';
    log[level]({ tries: failures, until: new Date(notAfterMs).toISOString() }, `edge.certificate.${outcome}`);
  }

  schedule();
  return {
    async stop() {
      stopping.abort();
      cancel?.();
      await working;
    },
  };
}
