/**
 * Several real validators in one process, with virtual cards held to them one after the other.
 * Called as `node validators-child.ts JSON [POINT:N]`, JSON = {@link ValidatorsOrder}. Prints one line of JSON for each green,
 * and `ready` at the start. SIGTERM: no more cards, everything offered, clean end.
 */
import { createHash, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { createLogger } from '#platform/logger.ts';
import { onSignals } from '#platform/shutdown.ts';
import { whileItShrinks } from '#platform/while-it-shrinks.ts';
import {
  createInProcessCardReader,
  type InProcessCardReader,
} from '../../edge-agent/adapters/in-process-card-reader.ts';
import { startEdge } from '../../edge-agent/main.ts';
import { UPLOAD_LIMITS } from '../../edge-agent/upload.ts';
import { createVirtualCard } from '../cards/virtual-card.ts';
import { killProbe } from './kill-probe.ts';
import { SHIFT_MS, shiftedClock } from './shifted-clock.ts';

/** How long an end waits for one receipt more, and how often it looks. */
const GOODBYE_IDLE_MS_MAX = 30_000;
const LOOK_EVERY_MS = 20;

/** What a child is to drive. */
export interface ValidatorsOrder {
  readonly deviceFolders: readonly string[];
  readonly mqttUrl: string;
  /** PEM file of the card issuer, whose key id is `i001`. */
  readonly issuerKeyFile: string;
  readonly routeId: string;
  /** Cards in circulation; the same in every child, so that cards meet several validators. */
  readonly cards: number;
  /** Real milliseconds between two cards at one validator. */
  readonly everyMs: number;
  /** Varies the order in which cards come. */
  readonly seed: number;
}

const [orderText, spec] = process.argv.slice(2) as [string, string | undefined];
const order = JSON.parse(orderText) as ValidatorsOrder;
const log = createLogger({ component: 'edge', level: 'warn', pretty: false });
const clock = shiftedClock(Number(process.env[SHIFT_MS] ?? '0'));
const probe = killProbe(spec);
const signals = onSignals(log);
const issuer = { keyId: 'i001', privateKey: createPrivateKey(readFileSync(order.issuerKeyFile)) };

function cardOf(n: number) {
  return createVirtualCard({
    mediumKind: n % 2 === 0 ? 'social' : 'wallet',
    mediumId: createHash('sha256').update(`card ${n}`).digest().subarray(0, 16),
    validFromS: 0,
    validUntilS: 0xffff_ffff,
    language: 'uk',
    issuer,
  });
}

/** Agents that ask again soon: a test that kills ingest thirty times would otherwise mostly wait. */
const HASTY = { ...UPLOAD_LIMITS, receiptTimeoutMs: 1500, pauseMs: 200, pauseMsMax: 2000 };

/** Holds cards to one validator until told to end; the next comes when the last was answered and its time is up. */
function passengers(reader: InProcessCardReader, lane: number): { end(): Promise<void> } {
  let n = order.seed * 7919 + lane * 104_729;
  let busy: Promise<void> | undefined;
  const timer = setInterval(() => {
    // A slow disk makes riders wait, and no queue of riders that a test would have to wait for in the end.
    if (busy !== undefined) return;
    n += 1 + (n % 3);
    busy = reader.present(cardOf(n % order.cards)).finally(() => {
      busy = undefined;
    });
  }, order.everyMs);
  return {
    end: async () => {
      clearInterval(timer);
      await busy;
    },
  };
}

const lanes = await Promise.all(
  order.deviceFolders.map(async (deviceDir, lane) => {
    const reader = createInProcessCardReader(deviceDir, () => clock.nowMs());
    const edge = await startEdge(
      { deviceDir, mqttUrl: order.mqttUrl, healthIntervalMs: 500, limits: { upload: HASTY } },
      { clock, log, probe, reader },
    );
    edge.agent.onAnswer((view, recordId) => {
      if (view.sign === 'accepted') process.stdout.write(`${JSON.stringify({ green: recordId })}\n`);
    });
    edge.agent.setWhereabouts({ routeId: order.routeId });
    return { edge, riders: passengers(reader, lane) };
  }),
);
// Whoever is killed leaves no compiled code behind for the next; what is there now is kept.
flushCompileCache();
process.stdout.write('ready\n');
await signals.received;
for (const { riders } of lanes) await riders.end();
// What was answered is offered until the city has it; a test that waits in vain says what is left.
const left = () => lanes.reduce((sum, { edge }) => sum + edge.agent.health().journal.unreceipted, 0);
await whileItShrinks(left, { idleMsMax: GOODBYE_IDLE_MS_MAX, everyMs: LOOK_EVERY_MS });
if (left() > 0) process.stdout.write(`${JSON.stringify({ left: left() })}\n`);
for (const { edge } of lanes) await edge.stop();
