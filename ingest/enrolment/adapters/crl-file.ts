/**
 * The revocation list that a broker of its own reads, kept fresh beside it: fetched from enrolment, checked against the
 * authority, written whole. A list that could not be had never replaces one that still holds.
 */
import { request } from 'node:https';
import { ENROLMENT_PATHS } from '#contracts/enrolment.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { Logger } from '#platform/logger.ts';
import { crlProblem } from '#platform/revocation-age.ts';
import { readRevocationList } from '#platform/x509.ts';

export interface CrlKeeperOptions {
  readonly path: string;
  /** Address of enrolment, `https://…`. */
  readonly enrolmentUrl: string;
  readonly caPem: () => string;
  /** How soon after a change of who may connect the list is fetched, and again after a failure; after a success daily. */
  readonly afterChangeMs: number;
  readonly againMs: number;
  readonly nowMs: () => number;
  readonly log: Logger;
}

export interface CrlKeeper {
  /** Somebody may have been revoked. */
  changed(): void;
  /** Fetches and writes now. Rejects when that cannot be done. */
  refresh(): Promise<void>;
  /** What is wrong with the list that the broker has. */
  problems(): string[];
  stop(): void;
}

/** Enrolment hands out lists that are good for 7 days. */
const DAILY_MS = 86_400_000;
const ANSWER_MS_MAX = 10_000;
const CRL_BYTES_MAX = 16 * 1024 * 1024;

/** Fetches at once and then as `options` say. */
export function keepCrl(options: CrlKeeperOptions): CrlKeeper {
  const { path, log, nowMs } = options;
  let timer: NodeJS.Timeout | undefined;
  let dueMs = Number.POSITIVE_INFINITY;
  let nextAtMs: number | undefined;
  let stopped = false;

  const refresh = async (): Promise<void> => {
    const caPem = options.caPem();
    const pem = await fetchText(options.enrolmentUrl, caPem);
    const list = await readRevocationList(pem, caPem);
    if (list.nextAtMs <= nowMs()) throw new Error('enrolment gave a revocation list that is over');
    writeFileAtomic(path, pem, { mode: 0o644 });
    nextAtMs = list.nextAtMs;
    log.info({ revoked: list.serials.length, nextAtMs }, 'identities.crl.written');
  };
  const within = (ms: number): void => {
    if (stopped || nowMs() + ms >= dueMs) return;
    dueMs = nowMs() + ms;
    clearTimeout(timer);
    timer = setTimeout(() => void turn(), ms);
    timer.unref();
  };
  const turn = async (): Promise<void> => {
    dueMs = Number.POSITIVE_INFINITY;
    try {
      await refresh();
      within(DAILY_MS);
    } catch (error) {
      const problem = (error as Error).message;
      log.error({ problem }, 'identities.crl.failed: the former revocation list stays in force');
      within(options.againMs);
    }
  };
  within(0);
  return {
    changed: () => within(options.afterChangeMs),
    refresh,
    problems: () => {
      if (nextAtMs === undefined) return ['the revocation list could not be fetched since the start'];
      const problem = crlProblem(nextAtMs, nowMs());
      return problem === null ? [] : [problem];
    },
    stop: () => {
      stopped = true;
      clearTimeout(timer);
    },
  };
}

function fetchText(enrolmentUrl: string, ca: string): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const url = new URL(ENROLMENT_PATHS.crl, enrolmentUrl);
  const asked = request(url, { ca, agent: false, signal: AbortSignal.timeout(ANSWER_MS_MAX) }, (answer) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    answer.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > CRL_BYTES_MAX) answer.destroy(new Error(`larger than ${CRL_BYTES_MAX} bytes`));
      else chunks.push(chunk);
    });
    answer.on('error', reject);
    answer.on('end', () => {
      if (answer.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(new Error(`enrolment answered ${answer.statusCode}`));
    });
  });
  asked.on('error', reject);
  asked.end();
  return promise;
}
