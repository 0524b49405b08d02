/**
 * A share of the month of `kvytok bench reprice`, written into the tables as a year of posting would have left them: taps, decisions
 * (some of them superseded) and postings, day after day. `node reprice-writer.ts JSON`; ends with 0 when all is written.
 */
import { join } from 'node:path';
import pg from 'pg';
import { inOrderOf } from '#platform/copy-rows.ts';
import { clientConfig } from '#platform/postgres.ts';
import type { PricedTap } from '../../fare-engine/facts/facts.ts';
import { type Posting, postLine, reverse } from '../../fare-engine/ledger/post-line.ts';
import { type ComputedTap, moneyOf } from '../../fare-engine/reprice/compare.ts';
import type { RepriceFacts } from '../../fare-engine/reprice/model.ts';
import { PostOffice } from '../../fare-engine/reprice/post-office.ts';
import { createRepriceShard } from '../../fare-engine/reprice/reprice-days.ts';
import { readTariffs } from '../audit/export-facts-file.ts';
import { type Cell, linesOf, loadLines, NO_BYTES } from './load-rows.ts';
import { askedRow, daysOfMonth, factsOfMonth, type MonthPlan, tapsOfDay, ZONE } from './reprice-month.ts';

export interface WriterTask {
  readonly url: string;
  /** For files that the server reads. */
  readonly folder: string;
  readonly cityDir: string;
  readonly plan: MonthPlan;
  readonly share: { readonly index: number; readonly of: number };
}

const TAPS = `fare.tap (tap_id, device_id, epoch, seq, record_sha256, token_id, medium_kind, direction, companions, bags, fare_day,
  fare_at_ms, uncertainty_ms, belief_vehicle_id, belief_route_id, flags, received_at_ms)`;
const DECISIONS = `fare.decision (tap_id, revision, supersedes, account_id, account_version, fare_day, kind, network_id, vehicle_id,
  carrier_id, route_id, currency, gross_minor, rider_minor, transfer_minor, concession_minor, pass_minor, cap_minor,
  loss_minor, penalty, concession_id, funding_id, claim_ride, steps, line_sha256, posted_revision, decided_at_ms)`;
const POSTINGS = `fare.posting (posting_id, debit_account, credit_account, amount_minor, currency, tap_id, revision, source, reverses,
  posted_at_ms, fare_day)`;
/** Taps that the engine posts in one transaction. */
const AT_ONCE = 2000;
/** One decision in so many was another one first, an hour before. */
const REVISED_EACH = 50;
const AGAIN_MS = 3_600_000;

/** What every factsOfMonth lacks of what a re-pricing asks for. */
export async function repriceFactsOf(cityDir: string, plan: MonthPlan): Promise<RepriceFacts> {
  const none = { carriers: [], routes: [], breakdowns: [], successions: [], revocations: [], repairs: [] };
  const packages = await readTariffs(join(cityDir, 'tariff'));
  const { dayStart } = plan;
  return { zone: ZONE, dayStart, packages, activations: new Map(), ...none, ...factsOfMonth(plan) };
}

async function write({ url, folder, cityDir, plan, share }: WriterTask): Promise<void> {
  const priced: ComputedTap[] = [];
  const nothing = { before: async () => [], after: async () => [] };
  const shard = createRepriceShard(await repriceFactsOf(cityDir, plan), nothing, (computed) => {
    priced.push(computed);
    return undefined;
  });
  const post = new PostOffice([shard], () => 0);
  const client = new pg.Client(clientConfig({ url, applicationName: 'kvytok-bench', statementTimeoutMs: 0 }));
  await client.connect();
  try {
    await client.query('SET synchronous_commit = off');
    const load = (target: string, lines: string) =>
      loadLines(client, target, lines, join(folder, `rows-${share.index}.txt`));
    for (const [index, fareDay] of daysOfMonth(plan).entries()) {
      const taps = asPosted([...tapsOfDay(plan, { fareDay, index }, share)]);
      post.takeAll('tap', Buffer.from(linesOf(taps, askedRow)));
      post.endDay();
      await shard.endDay(fareDay);
      const byId = new Map(priced.map((computed) => [computed.charged.line.tapId, computed]));
      const decided = taps.map((tap) => ({
        ...(byId.get(tap.tapId) as ComputedTap),
        atMs: tap.receivedAtMs,
      }));
      await load(TAPS, linesOf(taps, tapRow));
      await load(
        DECISIONS,
        linesOf(decided.flatMap(decisionRows), (row) => row),
      );
      await load(
        POSTINGS,
        linesOf(decided.flatMap(postingRows), (row) => row),
      );
      priced.length = 0;
    }
  } finally {
    await client.end();
  }
}

/** In the order in which posting leaves them: as they came, those of a transaction by their keys. */
function asPosted(taps: readonly PricedTap[]): PricedTap[] {
  const came = taps.toSorted((a, b) => a.fareAtMs - b.fareAtMs);
  const chunks = Array.from({ length: Math.ceil(came.length / AT_ONCE) }, (_, i) =>
    came.slice(i * AT_ONCE, (i + 1) * AT_ONCE),
  );
  return chunks.flatMap((chunk) => inOrderOf(chunk, ({ tapId }) => tapId));
}

function tapRow(tap: PricedTap): Cell[] {
  const seq = tap.tapId.slice(tap.tapId.lastIndexOf('.') + 1);
  return [
    ...[
      tap.tapId,
      tap.deviceId,
      'e',
      seq,
      NO_BYTES,
      tap.tokenId,
      tap.mediumKind,
      tap.direction,
      tap.companions,
    ],
    ...[tap.bags, tap.fareDay, tap.fareAtMs, tap.uncertaintyMs, tap.belief.vehicleId, tap.belief.routeId],
    ...['{}', tap.receivedAtMs],
  ];
}

function isRevised({ charged }: ComputedTap): boolean {
  return Number(charged.line.tapId.slice(charged.line.tapId.lastIndexOf('.') + 1)) % REVISED_EACH === 0;
}

/** A tap with when it was first decided. */
type Decided = ComputedTap & { readonly atMs: number };

function decisionRows(computed: Decided): Cell[][] {
  const row = (revision: number, moreMinor: bigint): Cell[] => {
    const { accountId, fareDay, place, charged, atMs } = computed;
    const { line, lossMinor } = charged;
    return [
      ...[line.tapId, revision, revision === 1 ? null : revision - 1, accountId, 1, fareDay, line.kind],
      ...[line.networkId, place.vehicleId, line.carrierId, line.routeId, line.currency],
      ...[line.grossMinor + moreMinor, line.riderMinor + moreMinor, line.transferMinor, line.concessionMinor],
      ...[
        line.passMinor,
        line.capMinor,
        lossMinor,
        'f',
        line.concessionId,
        line.fundingId,
        line.claimRide ? 't' : 'f',
      ],
      ...['[]', NO_BYTES, revision, atMs + (revision - 1) * AGAIN_MS],
    ];
  };
  return isRevised(computed) ? [row(1, 100n), row(2, 0n)] : [row(1, 0n)];
}

function postingRows(computed: ComputedTap): Cell[][] {
  const { fareDay, charged } = computed;
  const { tapId } = charged.line;
  const money = { ...moneyOf(computed), fareDay };
  if (!isRevised(computed)) return postLine(tapId, 1, money).map(postingRow);
  const first = postLine(tapId, 1, { ...money, riderMinor: money.riderMinor + 100n });
  const undone = first.map((posting) => reverse(posting, 2));
  return [...first, ...undone, ...postLine(tapId, 2, money)].map(postingRow);
}

function postingRow(posting: Posting): Cell[] {
  return [
    ...[
      posting.postingId,
      posting.debitAccount,
      posting.creditAccount,
      posting.amountMinor,
      posting.currency,
    ],
    ...[posting.tapId, posting.revision, posting.source, posting.reverses, 0, posting.fareDay],
  ];
}

await write(JSON.parse(process.argv[2] as string) as WriterTask);
