/**
 * What a benchmark is: a function that runs real parts and returns figures. A figure that is compared with a peer is a
 * ratio, measured in the same run, because absolute figures drift with the machine (docs/PERFORMANCE.md).
 */
import type { CommandIo } from '../command.ts';

/** One measured figure. */
export interface BenchFigure {
  /** What was measured, in plain words. */
  readonly name: string;
  readonly value: number;
  /** `taps/s`, `ms`, `MB`, `×` for a ratio, or nothing for a count. */
  readonly unit: string;
  /** What the figure should reach, where the design sets a target: `≥ 15000`, `≤ 30`. */
  readonly target?: string;
}

/** What a run found; also the form of the file that `--json` writes. */
export interface BenchReport {
  readonly v: 1;
  readonly bench: string;
  /** Local machine time, ISO 8601. */
  readonly startedAt: string;
  readonly seconds: number;
  readonly machine: string;
  /** How it was run: sizes, seed, versions of peers. */
  readonly setting: Readonly<Record<string, string | number>>;
  readonly figures: readonly BenchFigure[];
  /** Sentences that a reader of the figures must know, e.g. which peer was missing. */
  readonly notes: readonly string[];
  /** Whether everything that must hold held (books exact, nothing lost). A wrong result has no speed. */
  readonly exact: boolean;
}

/** The part of a report that a benchmark itself makes. */
export type BenchResult = Pick<BenchReport, 'setting' | 'figures' | 'notes' | 'exact'>;

/** What a benchmark is given. */
export interface BenchContext {
  readonly io: CommandIo;
  /** A folder of its own, removed afterwards. */
  readonly folder: string;
  /** Says how far it is; shown on standard error, rarely. */
  readonly progress: (text: string) => void;
  /** Aborted by Ctrl-C: the run ends early and reports nothing. */
  readonly signal: AbortSignal;
}

/** A module under `cli/bench/`. */
export interface BenchModule {
  /** Text of `kvytok bench NAME --help`. */
  readonly usage: string;
  run(args: string[], context: BenchContext): Promise<BenchResult>;
}

/** A line of the table of benchmarks. */
export interface BenchEntry {
  readonly name: string;
  readonly summary: string;
  load(): Promise<BenchModule>;
}
