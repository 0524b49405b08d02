import type { Metrics } from './metrics.ts';

/** A running part of the platform. */
export interface Role {
  /** Name for logs, e.g. `ingest`. */
  readonly name: string;
  /** Finishes what has begun, frees every resource. May be called twice; resolves when all is done. */
  stop(): Promise<void>;
  /** What supervisors and operators may ask of it. */
  readonly vitals?: Vitals;
}

/** How a role says how it is. */
export interface Vitals {
  /** Its figures. */
  readonly metrics: Metrics;
  /**
   * What keeps it from its work now, in plain words; empty when it is ready. Bounded in time; a role that cannot find
   * out says so.
   */
  problems(): Promise<readonly string[]>;
}
