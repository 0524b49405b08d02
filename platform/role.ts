/** A running part of the platform. */
export interface Role {
  /** Name for logs, e.g. `ingest`. */
  readonly name: string;
  /** Finishes what has begun, frees every resource. May be called twice; resolves when all is done. */
  stop(): Promise<void>;
}
