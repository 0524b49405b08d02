/** A real deny list in a folder that goes with the test, and what the city gives it. */
import { onTestFinished } from 'vitest';
import type { DenyManifest } from '#contracts/deny-list.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import { openDenyStore } from '../../../edge-agent/adapters/deny-store.ts';
import { createDenyList, type DenyList } from '../../../edge-agent/deny-list.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { delta, entry, follow, type Message, manifestOf, retained, sealed } from './deny-city.ts';
import { createTestCity, pinned } from './edge-city.ts';

export const CITY = createTestCity();

export function newFolder(): string {
  const folder = tempFolder('deny');
  onTestFinished(() => folder.remove());
  return folder.path;
}

export type OpenList = DenyList & { readonly replaced: boolean; close(): void };

export const rest = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function openList(
  dir = newFolder(),
  generations: PinnedKeys = pinned(CITY.generation),
  giveWay = rest,
): OpenList {
  const { store, replaced } = openDenyStore(dir, { rest: giveWay });
  onTestFinished(() => store.close());
  const list = createDenyList(store, { lists: pinned(CITY.lists), generations }, giveWay);
  return Object.assign(list, { replaced, close: () => store.close() });
}

export function give(list: DenyList, body: Message, city = CITY) {
  const { topic, bytes } = sealed(body, city);
  return list.receive(topic, bytes);
}

/** A manifest over an empty snapshot. */
export const manifest = (more: Partial<DenyManifest> = {}): DenyManifest =>
  manifestOf({ generation: 1, n: 0, snapshotN: 0 }, [], more);

/** A list at (1, 1) that denies medium 1, in a folder. */
export async function listWithOne(dir?: string): Promise<OpenList> {
  const list = openList(dir);
  await give(list, manifest({ n: 1 }));
  await follow(list, retained([delta(1, [entry(1)])], CITY));
  return list;
}
