/** What a city signs of its deny list, and what a broker retains of it, for tests of the device's side. */
import {
  DENY_ENTRIES_MAX,
  type DenyChunk,
  type DenyDelta,
  type DenyEntry,
  type DenyManifest,
  snapshotSha256,
} from '#contracts/deny-list.ts';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { type EnvelopeType, sealEnvelope } from '#contracts/signed-envelope.ts';
import { LISTS } from '#contracts/topics.ts';
import type { DenyList, DenyOutcome } from '../../../edge-agent/deny-list.ts';
import type { TestCity } from './edge-city.ts';

export const NOW = Date.UTC(2026, 2, 2, 6);

export function token(n: number): string {
  return `k1.${n.toString(16).padStart(32, '0')}`;
}

export function entry(n: number, more: Partial<DenyEntry> = {}): DenyEntry {
  const always = { validFromMs: 0, validUntilMs: null };
  return { tokenId: token(n), reason: 'lost', scope: 'all', ...always, ...more };
}

export function delta(n: number, add: DenyEntry[], remove: string[] = [], generation = 1): DenyDelta {
  return { v: 1, generation, n, add, remove };
}

/** Chunks of a snapshot; parts are as they are given. */
export function chunksOf(generation: number, n: number, parts: readonly DenyEntry[][]): DenyChunk[] {
  return parts.map((entries, chunk) => ({ v: 1, generation, n, chunk, entries }));
}

/** As many full chunks as needed, tokens 0 … count−1. */
export function fullChunks(generation: number, n: number, count: number): DenyChunk[] {
  const parts: DenyEntry[][] = [];
  for (let from = 0; from < count; from += DENY_ENTRIES_MAX) {
    const length = Math.min(DENY_ENTRIES_MAX, count - from);
    parts.push(Array.from({ length }, (_, at) => entry(from + at)));
  }
  return chunksOf(generation, n, parts);
}

export function hashOf(chunks: readonly DenyChunk[]): string {
  return snapshotSha256(chunks.map((chunk) => sha256Hex(JSON.stringify(chunk))));
}

/** A manifest of `chunks` and the deltas after them. */
export function manifestOf(
  version: { generation: number; n: number; snapshotN: number },
  chunks: readonly DenyChunk[],
  more: Partial<DenyManifest> = {},
): DenyManifest {
  const entries = chunks.reduce((sum, chunk) => sum + chunk.entries.length, 0);
  const snapshot = { snapshotChunks: chunks.length, snapshotSha256: hashOf(chunks) };
  return { v: 1, ...version, ...snapshot, entries, issuedAtMs: NOW, ...more };
}

/** The proof of a generation, signed by the key that is kept offline. */
export function proofOf(generation: number, city: TestCity, signer = city.generation): string {
  return sealEnvelope('deny-generation', { v: 1, generation, issuedAtMs: NOW }, signer).toString('utf8');
}

export type Message = DenyManifest | DenyDelta | DenyChunk;

/** Topic and bytes of a message as the city publishes it. */
export function sealed(body: Message, city: TestCity): { topic: string; bytes: Buffer } {
  const [type, topic]: [EnvelopeType, string] =
    'snapshotN' in body
      ? ['deny-manifest', LISTS.denyManifest]
      : 'chunk' in body
        ? ['deny-chunk', LISTS.denyChunk(body.generation, body.n, body.chunk)]
        : ['deny-delta', LISTS.denyDelta(body.generation, body.n)];
  return { topic, bytes: sealEnvelope(type, body, city.lists) };
}

/** What a broker retains after these were published. */
export function retained(bodies: readonly Message[], city: TestCity): Map<string, Uint8Array> {
  return new Map(bodies.map((body) => sealed(body, city)).map(({ topic, bytes }) => [topic, bytes]));
}

/** Gives a list what it wants of what is retained, until it wants no more or gets nothing. */
export async function follow(
  list: DenyList,
  broker: ReadonlyMap<string, Uint8Array>,
): Promise<DenyOutcome[]> {
  const outcomes: DenyOutcome[] = [];
  for (;;) {
    const topics = list.wanted(4).filter((topic) => broker.has(topic));
    if (topics.length === 0) return outcomes;
    for (const topic of topics) outcomes.push(await list.receive(topic, broker.get(topic) as Uint8Array));
    if (!outcomes.slice(-topics.length).some((o) => o === 'applied' || o === 'kept-aside')) return outcomes;
  }
}
