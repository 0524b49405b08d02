/** The revocation list kept fresh beside a broker, fetched from a real HTTPS server. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { CRL_ALARM_MS, crlProblem } from '#platform/revocation-age.ts';
import { readRevocationList } from '#platform/x509.ts';
import { type CrlKeeper, keepCrl } from '../../../ingest/enrolment/adapters/crl-file.ts';
import { startIdentities } from '../../../ingest/enrolment/main.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { createTestCa } from '../../support/test-ca.ts';
import { until } from '../../support/until.ts';

const DAY_MS = 86_400_000;
const temp = tempFolder('crl-file');
const log = createLogger({ component: 'test', level: 'silent' });
let ca: Awaited<ReturnType<typeof createTestCa>>;
let server: Server;
let given: string | undefined;
let keeper: CrlKeeper | undefined;
let path: string;
let files = 0;

beforeAll(async () => {
  ca = await createTestCa();
  const { cert, key } = await ca.issue('enrolment', { kind: 'server', names: ['127.0.0.1'] });
  server = createServer({ cert, key }, (_request, response) => {
    response.writeHead(given === undefined ? 503 : 200).end(given);
  });
  await new Promise<void>((ready) => server.listen(0, '127.0.0.1', ready));
});
afterEach(() => keeper?.stop());
afterAll(() => {
  server?.close();
  temp.remove();
});

function keep(nowMs = (): number => Date.now()): CrlKeeper {
  path = join(temp.path, `crl-${++files}.pem`);
  keeper = keepCrl({
    path,
    enrolmentUrl: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
    caPem: () => ca.caPem,
    afterChangeMs: 20,
    againMs: 20,
    nowMs,
    log,
  });
  return keeper;
}
const written = (text: string) => until(() => existsSync(path) && readFileSync(path, 'utf8') === text);

describe('the list beside a broker', () => {
  it('is there at the start, anew after a change, and for as long as enrolment is away asked for again', async () => {
    given = undefined;
    const { changed, problems } = keep();
    expect(problems()).toHaveLength(1);
    const first = await ca.revocationList(['0a'], 7 * DAY_MS);
    given = first;
    await written(first);
    expect(problems()).toEqual([]);
    const second = await ca.revocationList(['0a', '0b'], 7 * DAY_MS);
    given = second;
    changed();
    await written(second);
    expect((await readRevocationList(second, ca.caPem)).serials).toEqual(['0a', '0b']);
  });

  it('is never replaced by one that is over, foreign or none', async () => {
    const good = await ca.revocationList([], 7 * DAY_MS);
    given = good;
    const { refresh } = keep();
    await written(good);
    for (const bad of [
      await ca.revocationList([], -1000),
      await (await createTestCa()).revocationList([], 7 * DAY_MS),
      'nothing of the kind',
      undefined,
    ]) {
      given = bad;
      await expect(refresh()).rejects.toThrow();
      expect(readFileSync(path, 'utf8')).toBe(good);
    }
  });

  it('is a problem of the role from three days before its end on', async () => {
    let nowMs = Date.now();
    given = await ca.revocationList([], 7 * DAY_MS);
    const { problems } = keep(() => nowMs);
    await written(given);
    const { nextAtMs } = await readRevocationList(given, ca.caPem);
    nowMs = nextAtMs - CRL_ALARM_MS;
    expect(problems()).toEqual([]);
    nowMs += 1;
    expect(problems()).toEqual([expect.stringContaining('ends at')]);
    expect(crlProblem(nextAtMs, nextAtMs - 1)).toContain('ends at');
    expect(crlProblem(nextAtMs, nextAtMs)).toContain('is over');
  });

  it('needs to be told where it comes from', async () => {
    const environment = {
      KVYTOK_POSTGRES_URL: 'postgres://nobody@127.0.0.1:1/none',
      KVYTOK_BROKER_IDENTITIES: join(temp.path, 'identities.json'),
      KVYTOK_BROKER_CRL: join(temp.path, 'crl.pem'),
    };
    await expect(startIdentities(environment, { log })).rejects.toMatchObject({
      code: 'BROKER_CRL_SETTINGS',
    });
  });
});
