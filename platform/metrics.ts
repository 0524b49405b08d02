/**
 * Figures of a role for Prometheus (text format 0.0.4). A role names its figures once and says how each is read; they are
 * read only when somebody scrapes. Names follow Prometheus' conventions: `kvytok_<role>_<what>_<unit>`, counters end in
 * `_total`, durations are in seconds. Labels are bounded sets (reasons, states), never devices' passengers or cards.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

/** A value, or one for each set of labels. */
export type Reading = number | readonly LabelledValue[];
export interface LabelledValue {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Where a role registers its figures. */
export interface Metrics {
  /** What only rises since the process began. */
  counter(name: string, help: string, read: () => Reading, labelNames?: readonly string[]): void;
  /** What rises and falls. A reading that fails leaves the figure out of that scrape. */
  gauge(
    name: string,
    help: string,
    read: () => Reading | Promise<Reading>,
    labelNames?: readonly string[],
  ): void;
  /** Durations; the result notes one, in seconds, with its label where one was named. */
  durations(name: string, help: string, labelName?: string): (seconds: number, label?: string) => void;
  /** The text that is scraped. */
  text(): Promise<string>;
}

/** Media type of {@link Metrics.text}. */
export const METRICS_TYPE = Registry.PROMETHEUS_CONTENT_TYPE;

// From a tenth of a millisecond (a decision at the edge) to the half minute after which everything has timed out.
const DURATION_BUCKETS_S = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

/** Makes an empty set of figures. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  return {
    counter(name, help, read, labelNames = []) {
      new Counter({
        name,
        help,
        labelNames: [...labelNames],
        registers: [registry],
        collect() {
          this.reset();
          for (const { labels, value } of valuesOf(read())) this.inc({ ...labels }, value);
        },
      });
    },
    gauge(name, help, read, labelNames = []) {
      new Gauge({
        name,
        help,
        labelNames: [...labelNames],
        registers: [registry],
        async collect() {
          this.reset();
          try {
            for (const { labels, value } of valuesOf(await read())) this.set({ ...labels }, value);
          } catch {
            // Readiness says what is away; a figure that cannot be read must not hide the others.
            this.remove();
          }
        },
      });
    },
    durations(name, help, labelName) {
      const histogram = new Histogram({
        name,
        help,
        buckets: DURATION_BUCKETS_S,
        labelNames: labelName === undefined ? [] : [labelName],
        registers: [registry],
      });
      return (seconds, label) =>
        histogram.observe(
          labelName === undefined || label === undefined ? {} : { [labelName]: label },
          seconds,
        );
    },
    text: () => registry.metrics(),
  };
}

/** Figures of the process itself: processor, memory, event loop, open files. */
export function processMetrics(): { text(): Promise<string>; stop(): void } {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  return { text: () => registry.metrics(), stop: () => registry.clear() };
}

function valuesOf(reading: Reading): readonly LabelledValue[] {
  return typeof reading === 'number' ? [{ labels: {}, value: reading }] : reading;
}
