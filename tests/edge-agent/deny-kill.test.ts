/** kill -9 at each step of a list that comes in: the old list or the new one, never a mixture and never none. */
import { fork } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import {
  delta,
  entry,
  follow,
  fullChunks,
  manifestOf,
  NOW,
  retained,
  sealed,
  token,
} from './support/deny-city.ts';
import { CITY, give, manifest, newFolder, openList } from './support/open-deny-list.ts';

const CHILD = new URL('./support/deny-child.ts', import.meta.url);
const chunks = fullChunks(1, 50, 3500);
const after = delta(51, [entry(9000)], [token(0)]);
const target = manifestOf({ generation: 1, n: 51, snapshotN: 50 }, chunks, { issuedAtMs: NOW + 1 });
/** Old list: media 8000 … 8002 at (1, 3). New list: 1 … 3499 and 9000 at (1, 51). */
const old = [8000, 8001, 8002];
const fresh = [1, 999, 1000, 3499, 9000];

async function oldListIn(dir: string): Promise<void> {
  const list = openList(dir);
  await give(list, manifest({ n: 3 }));
  await follow(
    list,
    retained(
      old.map((n, at) => delta(at + 1, [entry(n)])),
      CITY,
    ),
  );
  list.close();
  const messages = [target, ...chunks, after].map((body) => sealed(body, CITY));
  const lines = messages.map(({ topic, bytes }) => [topic, bytes.toString('base64')]);
  writeFileSync(join(dir, 'messages.json'), JSON.stringify(lines));
  const pem = createPublicKey(CITY.lists.privateKey).export({ type: 'spki', format: 'pem' });
  writeFileSync(join(dir, 'lists.pem'), pem);
}

it.each([
  ['edge.deny.after-chunk:1', 'old'],
  ['edge.deny.after-chunk:3', 'old'],
  ['edge.deny.before-rename:1', 'old'],
  ['edge.deny.after-rename:1', 'new'],
  ['edge.deny.after-adopt:1', 'new'],
  ['edge.deny.after-delta:1', 'new'],
])('killed at %s it has the %s list, and goes on to the new one', async (point, which) => {
  const dir = newFolder();
  await oldListIn(dir);
  const child = fork(CHILD, [dir, point], { stdio: 'inherit' });
  expect(await once(child, 'exit')).toEqual([null, 'SIGKILL']);
  const list = openList(dir);
  const { version, entries } = list.state();
  const denied = (media: number[]) => media.map((n) => list.find(token(n)) !== null);
  const none = (media: number[]) => media.map(() => false);
  const all = (media: number[]) => media.map(() => true);
  if (which === 'old') {
    expect([version.n, entries]).toEqual([3, 3]);
    expect([denied(old), denied(fresh)]).toEqual([all(old), none(fresh)]);
  } else {
    const reached = version.n === 51;
    expect(version.n).toBeGreaterThanOrEqual(50);
    expect(entries).toBe(3500);
    expect([denied(old), denied(fresh.slice(0, 4))]).toEqual([none(old), all(fresh.slice(0, 4))]);
    expect(denied([0, 9000])).toEqual([!reached, reached]);
  }
  expect(list.failedLookups()).toBe(0);
  await give(list, target);
  await follow(list, retained([...chunks, after], CITY));
  expect(list.state()).toMatchObject({ version: { generation: 1, n: 51 }, entries: 3500 });
  expect(denied([0, ...fresh])).toEqual([false, ...all(fresh)]);
  expect(await list.verify()).toBe(true);
});
