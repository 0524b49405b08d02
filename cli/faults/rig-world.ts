/** What can go wrong in a rig: the named points of its processes, its wires, the messages on them. */
import { everyDevice, LISTS } from '#contracts/topics.ts';
import type { FaultWorld } from '../../simulators/faults/fault-plan.ts';
import { WIRES } from './wires.ts';

const INGEST_POINTS = [
  'ingest.before-insert',
  'ingest.before-commit',
  'ingest.after-commit',
  'ingest.after-receipt',
  'ingest.link.before-commit',
];
const FARE_POINTS = ['fare.after-claim', 'fare.before-commit', 'fare.after-commit'];
const LISTS_POINTS = ['fare.lists.before-send', 'fare.lists.before-manifest', 'fare.lists.after-manifest'];

/** Every process of a rig with its points. A test compares them with the points that the code passes. */
export const RIG_POINTS = {
  broker: ['broker.before-publish', 'broker.after-publish'],
  'ingest-1': INGEST_POINTS,
  'ingest-2': INGEST_POINTS,
  'fare-engine-1': [...FARE_POINTS, ...LISTS_POINTS],
  'fare-engine-2': FARE_POINTS,
  validators: [
    'edge.before-append',
    'edge.after-append',
    'edge.after-answer',
    'edge.before-free',
    'edge.after-free',
    'edge.deny.after-delta',
  ],
} as const;

/** The rig as a plan sees it. */
export const RIG_WORLD: FaultWorld = {
  points: RIG_POINTS,
  alone: [{ process: 'fare-engine-1', points: 'fare.lists.', others: ['fare-engine-2'] }],
  wires: WIRES,
  disks: ['validators'],
  messages: {
    validators: [
      { direction: 'up', filter: everyDevice('taps') },
      { direction: 'down', filter: everyDevice('receipts') },
      { direction: 'down', filter: LISTS.denyAll },
    ],
    ingest: [
      { direction: 'down', filter: everyDevice('taps') },
      { direction: 'up', filter: everyDevice('receipts') },
    ],
  },
};
