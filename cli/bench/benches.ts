/** The table of benchmarks. The code of one is loaded when it is called. */
import type { BenchEntry } from './bench.ts';

export const BENCHES: readonly BenchEntry[] = [
  {
    name: 'tap',
    summary: 'how long a passenger waits for us: one tap by its parts, with a deny list of a million entries',
    load: () => import('./tap.ts'),
  },
  {
    name: 'inspection',
    summary: "an inspector's answer: from the card to the screen, with two validators asked by UDP",
    load: () => import('./inspection.ts'),
  },
  {
    name: 'taps',
    summary:
      'the whole way: MQTT to priced, posted and receipted, live and catching up, against a plain flow',
    load: () => import('./taps.ts'),
  },
  {
    name: 'posting',
    summary: 'the fare engine alone: inbox to decisions and postings, against pgbench TPC-B',
    load: () => import('./posting.ts'),
  },
  {
    name: 'pricing',
    summary: 'the pricing leaf alone, one core: legs of random journeys on any feed with Fares v2',
    load: () => import('./pricing.ts'),
  },
  {
    name: 'history',
    summary: 'what a tap and the sums of the city cost behind 1, 12 and 24 months of rides',
    load: () => import('./history.ts'),
  },
  {
    name: 'reprice',
    summary:
      'a city-month computed again from facts and compared with its books, against SQL that adds it up',
    load: () => import('./reprice.ts'),
  },
  {
    name: 'audit',
    summary: 'the audit log: leaves numbered, signed and verified in a second, and what that costs posting',
    load: () => import('./audit.ts'),
  },
  {
    name: 'anomalies',
    summary: "a month searched by all of the auditor's rules, against one SQL query for one of them",
    load: () => import('./anomalies.ts'),
  },
  {
    name: 'denials',
    summary: 'from a denial to its refusal on every online validator; a large list while cards are answered',
    load: () => import('./denials.ts'),
  },
  {
    name: 'faults',
    summary:
      'hundreds of kills, cut wires, doubled and lost messages, failing disks; then everything is counted',
    load: () => import('./faults.ts'),
  },
];
