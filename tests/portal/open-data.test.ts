/** What the portal serves of the open data: what the index names, as it was written, and nothing else. */
import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOpenData } from '../../portal/adapters/open-data-folder.ts';
import { openDataRoutes } from '../../portal/routes/open-data.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('open-data');
const CSV = 'service_date,num_riders\n2025-10-14,68\n';
const sha256 = createHash('sha256').update(CSV).digest('hex');
const named = (path: string, sum = sha256) => ({ path, bytes: CSV.length, sha256: sum });
let app: FastifyInstance;

beforeAll(async () => {
  mkdirSync(join(folder.path, 'v1'));
  for (const name of ['rides.csv', 'changed.csv', 'unnamed.csv', 'page.html'])
    writeFileSync(join(folder.path, 'v1', name), name === 'changed.csv' ? `${CSV}x` : CSV);
  writeFileSync(join(folder.path, 'secret.csv'), CSV);
  const files = ['v1/rides.csv', 'v1/changed.csv', 'v1/gone.csv', 'v1/page.html'].map((path) => named(path));
  writeFileSync(
    join(folder.path, 'index.json'),
    JSON.stringify({ v: 1, latest: 1, versions: [{ version: 1, files }] }),
  );
  app = Fastify();
  openDataRoutes(app, { openData: createOpenData(folder.path) });
  await app.ready();
});
afterAll(async () => {
  await app.close();
  folder.remove();
});

const get = (url: string, headers = {}) => app.inject({ url, headers });

test('the index and what it names; a version may be kept for ever', async () => {
  const index = await get('/open-data');
  expect([index.statusCode, index.headers['cache-control'], index.json().latest]).toEqual([
    200,
    'public, max-age=300',
    1,
  ]);
  const file = await get('/open-data/v1/rides.csv');
  expect(file.body).toBe(CSV);
  expect(file.headers).toMatchObject({
    'content-type': 'text/csv; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
    etag: `"${sha256}"`,
  });
  const again = await get('/open-data/v1/rides.csv', { 'if-none-match': `"${sha256}"` });
  expect([again.statusCode, again.body]).toEqual([304, '']);
});

test.each([
  ['a file that nobody named', '/open-data/v1/unnamed.csv'],
  ['a way out of the folder', '/open-data/v1/..%2f..%2fsecret.csv'],
  ['a file beside the versions', '/open-data/secret.csv'],
  ['a page', '/open-data/v1/page.html'],
  ['nothing', '/open-data/'],
])('%s does not exist', async (_name, url) => {
  expect((await get(url)).statusCode).toBeGreaterThanOrEqual(404);
});

test('a file that was changed or is gone is not handed out', async () => {
  expect((await get('/open-data/v1/changed.csv')).statusCode).toBe(500);
  expect((await get('/open-data/v1/gone.csv')).statusCode).toBe(500);
});

test('without a folder, or with an index of another form, nothing is published', async () => {
  expect(await createOpenData(undefined).index()).toBeUndefined();
  expect(await createOpenData(undefined).file('v1/rides.csv')).toBeUndefined();
  const odd = tempFolder('odd');
  writeFileSync(
    join(odd.path, 'index.json'),
    JSON.stringify({ v: 1, versions: [{ version: 1, files: [named('v1/../../x.csv')] }] }),
  );
  await expect(createOpenData(odd.path).file('v1/../../x.csv')).rejects.toThrow(
    'not what kvytok open-data writes',
  );
  odd.remove();
});
