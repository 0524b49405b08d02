/**
 * From taps to a proof in somebody's hand: the engine prices and seals, the log is exported, verified, witnessed and set
 * beside a re-computation; then the database is edited as its owner could, and each edit is named.
 */
import { generateKeyPairSync } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import Fastify from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { formatVerifier, noteVerifier } from '#contracts/signed-note.ts';
import { createPool } from '#platform/postgres.ts';
import type { Role } from '#platform/role.ts';
import { run as runAudit } from '../../../cli/commands/audit.ts';
import { run as runPrice } from '../../../cli/commands/price.ts';
import { importLeaves } from '../../../fare-engine/import/import-leaves.ts';
import { createPublishedLog } from '../../../portal/adapters/postgres-audit-log.ts';
import { auditLogRoutes } from '../../../portal/routes/audit-log.ts';
import { tapIdOf, tapRow, token } from '../../fare-engine/support/a-record.ts';
import { type EngineDatabase, openEngineDatabase } from '../../fare-engine/support/engine-database.ts';
import { CITY_DIR, settled, startEngine } from '../../fare-engine/support/running-engine.ts';
import { submit } from '../../fare-engine/support/submit.ts';
import { interrupted } from '../../support/interrupted.ts';
import { pastTransactions } from '../../support/past-transactions.ts';
import { until } from '../../support/until.ts';

const ORIGIN = 'kvytok.example/ternopil';
const MORNING = Date.UTC(2025, 9, 14, 4, 30);
const DAYS = ['--from', '2025-10-14', '--until', '2025-10-16'];
const auditKey = generateKeyPairSync('ed25519').privateKey;
const KEY = formatVerifier(noteVerifier(ORIGIN, 'log', auditKey));
const folder = mkdtempSync(join(tmpdir(), 'kvytok-audit-'));

let engine: EngineDatabase;
let role: Role;
beforeAll(async () => {
  engine = await openEngineDatabase();
  role = await startEngine(engine, { auditKeys: [auditKey], limits: { auditEveryMs: 0 } });
  await submit(engine, 'link-medium', { tokenId: token(2), accountId: 'person-2', validFromMs: 0 });
  await submit(engine, 'grant-entitlement', {
    entitlementId: 'e-1',
    accountId: 'person-2',
    concessionId: 'pensioner',
    validFromMs: MORNING,
    validUntilMs: MORNING + 3_600_000,
  });
  await brought('entitlements.csv', 'e-7', 'pensioner');
  await brought('passes.csv', 'pass-7', 'pass-30');
  await ride(0, 300);
  await sealed();
});
afterAll(async () => {
  await role?.stop();
  await engine.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The leaf of a right or a pass that an import brings over. */
async function brought(file: 'entitlements.csv' | 'passes.csv', id: string, ref: string): Promise<void> {
  const run = {
    commandId: 'c-7',
    importId: 'i-7',
    system: 'old',
    by: 'the office',
    files: [],
    inputSha256: '',
  };
  const nothing = { untilMs: null, amountMinor: null, currency: null, evidenceSha256: null };
  const row = { file, line: 2, id, accountId: 'p-7', ref, fromMs: 0, reason: null, scope: null, ...nothing };
  for (const bytes of importLeaves(run, file, [row], 0))
    await engine.pool.query(`INSERT INTO fare.audit_leaf (kind, ref, bytes) VALUES ('command', 'c-7', $1)`, [
      bytes,
    ]);
}

async function ride(from: number, until_: number): Promise<void> {
  const rows = Array.from({ length: until_ - from }, (_, i) => {
    const step = from + i;
    const vehicleId = `10${1 + (step % 3)}`;
    return tapRow({
      device: `val-${vehicleId}`,
      vehicleId,
      routeId: 'T2',
      seq: step + 1,
      atMs: MORNING + step * 60_000,
      token: token(1 + (step % 23)),
      mediumKind: step % 23 === 1 ? 'social' : 'wallet',
    });
  });
  await engine.deliver(rows);
  await settled(engine, until_);
}

/** Waits until every leaf has its number. */
async function sealed(): Promise<void> {
  await pastTransactions(engine.admin);
  await until(async () => {
    const { rows } = await engine.admin.query<{ all: boolean }>(
      'SELECT (SELECT count(*) FROM fare.audit_leaf) = (SELECT size FROM fare.audit_tree) AS all',
    );
    return rows[0]?.all === true ? true : null;
  });
}

type Command = (args: string[], io: Parameters<typeof runAudit>[1]) => Promise<number>;

async function call(command: Command, ...args: string[]) {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [said, told] = [text(stdout), text(stderr)];
  const env = { KVYTOK_POSTGRES_URL: engine.database.url('auditor_runtime'), KVYTOK_CITY_DIR: CITY_DIR };
  let code: number | undefined;
  let error: { code?: string; message?: string } = {};
  try {
    code = await command(args, { stdin: new PassThrough(), stdout, stderr, env, cwd: folder });
  } catch (thrown) {
    error = thrown as { code?: string; message?: string };
  }
  stdout.end();
  stderr.end();
  return { code, error, said: await said, told: await told };
}
const audit = (...args: string[]) => call(runAudit, ...args);
const verify = (dir: string, ...more: string[]) => audit('verify', '--export', dir, '--key', KEY, ...more);
const refused = async (called: ReturnType<typeof audit>) => (await called).error.code;

test('an export verifies on its own, and holds leaves of every kind of this engine', async () => {
  const exported = await audit('export', '--log', 'one', ...DAYS);
  expect(JSON.parse(exported.said)).toMatchObject({ origin: ORIGIN, taps: 300 });
  const { said, told, code } = await verify('one');
  expect(code).toBe(0);
  const found = JSON.parse(said);
  expect(found).toMatchObject({ origin: ORIGIN, keys: 'given' });
  expect(Object.keys(found.kinds)).toEqual([
    'concession',
    'decision',
    'grant-entitlement',
    'import',
    'link-medium',
    'tariff-activation',
  ]);
  expect(found.size).toBeGreaterThan(300);
  expect(told).toContain('100 %');
  expect(JSON.parse((await audit('verify', '--export', 'one')).said)).toMatchObject({
    keys: 'from the export itself',
  });
  expect(await refused(audit('export', '--log', 'one'))).toBe('AUDIT_EXPORT_EXISTS');
  const stranger = formatVerifier(noteVerifier(ORIGIN, 'log', generateKeyPairSync('ed25519').privateKey));
  expect(await refused(audit('verify', '--export', 'one', '--key', stranger))).toBe(
    'AUDIT_CHECKPOINT_UNSIGNED',
  );
  expect(await refused(audit('verify', '--export', 'nowhere', '--key', KEY))).toBe('AUDIT_LOG_UNREADABLE');
});

test('the days computed again from the export equal what the log has sealed, to the kopiyka', async () => {
  const same = await call(runPrice, '--facts', 'one/facts.ndjson', '--log', 'one', '--key', KEY);
  const lines = same.said
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1)).toMatchObject({ kind: 'ledger', taps: 300, differing: 0, differences: [] });
  expect(same.code).toBe(0);
  const posted = await engine.admin.query<{ minor: string }>(
    `SELECT (sum(amount_minor) FILTER (WHERE credit_account ~ '^(revenue|suspense:no-carrier)')
           - coalesce(sum(amount_minor) FILTER (WHERE debit_account ~ '^(revenue|suspense:no-carrier)'), 0))::text AS minor FROM fare.posting`,
  );
  const total = lines.find(({ kind }) => kind === 'total');
  expect(String(BigInt(total.riderMinor) + BigInt(total.concessionMinor))).toBe(posted.rows[0]?.minor);
  const facts = readFileSync(join(folder, 'one/facts.ndjson'), 'utf8').trimEnd().split('\n');
  const at = facts.findIndex((line) => line.includes(`"${tapIdOf('val-103', 3)}"`));
  const changed = (facts[at] as string).replace('"routeId":"T2"', '"routeId":null');
  writeFileSync(join(folder, 'more.ndjson'), facts.with(at, changed).join('\n'));
  writeFileSync(join(folder, 'less.ndjson'), facts.toSpliced(at, 1).join('\n'));
  const [more, less] = [
    await call(runPrice, '--facts', 'more.ndjson', '--log', 'one'),
    await call(runPrice, '--facts', 'less.ndjson', '--log', 'one'),
  ];
  const last = ({ said }: { said: string }) => JSON.parse(said.trim().split('\n').at(-1) as string);
  expect(last(more).differences).toContainEqual(
    expect.objectContaining({ tapId: tapIdOf('val-103', 3), what: 'grossMinor' }),
  );
  expect(last(less).differences).toContainEqual(
    expect.objectContaining({ tapId: tapIdOf('val-103', 3), what: 'tap' }),
  );
  expect([more.code, less.code]).toEqual([1, 1]);
  // A ride of an open day that the log has not come to yet is counted, and is no difference.
  const fresh = { ...JSON.parse(facts[at] as string), tapId: tapIdOf('val-103', 9000), accountId: 'acc-new' };
  writeFileSync(join(folder, 'fresh.ndjson'), [...facts, JSON.stringify(fresh)].join('\n'));
  const young = await call(runPrice, '--facts', 'fresh.ndjson', '--log', 'one');
  expect(last(young)).toMatchObject({ taps: 301, unsealed: 1, differing: 0 });
  expect(young.code).toBe(0);
});

test('the proof of one tap is checked with a key alone', async () => {
  const tap = tapIdOf('val-101', 1);
  const proven = await audit('prove', '--export', 'one', '--tap', tap, '--out', 'tap.tlog-proof');
  expect(JSON.parse(proven.said)).toMatchObject({ kind: 'decision' });
  const { said, code } = await audit('verify', '--proof', 'tap.tlog-proof', '--key', KEY);
  expect(code).toBe(0);
  expect(JSON.parse(JSON.parse(said).entry)).toMatchObject({ kind: 'decision', tapId: tap });
  const proof = readFileSync(join(folder, 'tap.tlog-proof'), 'utf8');
  const [, extra = ''] = /^extra (.+)$/m.exec(proof) ?? [];
  const cheaper = Buffer.from(extra, 'base64')
    .toString()
    .replace(/"rider":"\d+"/, '"rider":"1"');
  for (const forged of [
    proof.replace(extra, Buffer.from(cheaper).toString('base64')),
    proof.replace(/^index (\d+)$/m, (_, i) => `index ${Number(i) + 1}`),
    proof.replace(/^extra .+\n/m, ''),
  ]) {
    writeFileSync(join(folder, 'forged.tlog-proof'), forged);
    expect(await refused(audit('verify', '--proof', 'forged.tlog-proof', '--key', KEY))).toBe(
      'AUDIT_PROOF_INVALID',
    );
  }
  expect(await refused(audit('prove', '--export', 'one', '--tap', 'no-such-tap', '--out', 'x'))).toBe(
    'AUDIT_LEAF_UNKNOWN',
  );
  for (const [option, id, kind] of [
    ['--entitlement', 'e-1', 'grant-entitlement'],
    ['--entitlement', 'e-7', 'import'],
    ['--pass', 'pass-7', 'import'],
  ] as const) {
    const right = await audit('prove', '--export', 'one', option, id, '--out', 'right.tlog-proof');
    expect(JSON.parse(right.said)).toMatchObject({ kind });
    const checked = await audit('verify', '--proof', 'right.tlog-proof', '--key', KEY);
    expect(JSON.parse(checked.said).entry).toContain(`"${id}"`);
  }
  // What stands in somebody's words is no right.
  expect(await refused(audit('prove', '--export', 'one', '--pass', 'e-7', '--out', 'x'))).toBe(
    'AUDIT_LEAF_UNKNOWN',
  );
  expect((await audit('prove', '--export', 'one', '--leaf', '0', '--out', 'first.tlog-proof')).code).toBe(0);
});

test('witnesses countersign what grows, over HTTP and from folders; a fork is refused and kept', async () => {
  const app = Fastify();
  const pool = createPool({
    url: engine.database.url('portal_runtime'),
    applicationName: 'test-portal',
    max: 2,
  });
  auditLogRoutes(app, { auditLog: createPublishedLog(pool) });
  const address = `${await app.listen({ host: '127.0.0.1', port: 0 })}/audit`;
  const keys = ['w1', 'w2'].map((name) => {
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(join(folder, `${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }), {
      mode: 0o600,
    });
    return formatVerifier(noteVerifier(`witness.example/${name}`, 'witness', privateKey));
  });
  const see = (name: string, from: string, out: string) =>
    audit(
      ...['witness', '--from', from, '--key', KEY, '--state', `state-${name}`, '--out', out],
      ...['--witness-key', `${name}.pem`, '--name', `witness.example/${name}`],
    );
  try {
    expect((await see('w1', 'one', 'w1-one.checkpoint')).code).toBe(0);
    await ride(300, 320);
    await sealed();
    expect(JSON.parse((await see('w1', address, 'w1.checkpoint')).told)).toMatchObject({
      first: false,
      key: keys[0],
    });
    await audit('export', '--log', 'two');
    const seen = ['--checkpoint', 'w1.checkpoint', '--checkpoint', 'w1-one.checkpoint'];
    const both = ['--witness', keys[0] as string, '--witness', keys[1] as string];
    expect(await refused(verify('two', ...seen, ...both))).toBe('AUDIT_WITNESSES_TOO_FEW');
    const one = await verify('two', ...seen, ...both, '--need', '1');
    expect(JSON.parse(one.said)).toMatchObject({ witnesses: [{ name: 'witness.example/w1' }] });
    expect((await see('w2', 'two', 'w2.checkpoint')).code).toBe(0);
    expect((await verify('two', ...seen, '--checkpoint', 'w2.checkpoint', ...both)).code).toBe(0);
    expect(await refused(verify('one', '--checkpoint', 'w1.checkpoint'))).toBe('AUDIT_LOG_TRUNCATED');
    expect(await refused(see('w1', 'one', 'old'))).toBe('AUDIT_CHECKPOINT_OLDER');
    expect((await fetch(`${address}/tile/entries/000`)).status).toBe(404);
    expect(await (await fetch(`${address}/keys`)).text()).toBe(`${KEY}\n`);
  } finally {
    await app.close();
    await pool.end();
  }
});

test('an owner who edits the database is found out, leaf by leaf', async () => {
  const { rows } = await engine.admin.query<{ leafId: string; n: number }>(
    `SELECT "leafId", n FROM (
       SELECT leaf_id::text AS "leafId", kind, (row_number() OVER (ORDER BY xact, leaf_id) - 1)::int AS n
       FROM fare.audit_leaf) AS l WHERE kind = 'decision' ORDER BY n`,
  );
  const [edited, deleted] = [rows[280], rows[20]] as [(typeof rows)[0], (typeof rows)[0]];
  await engine.admin.query(
    `UPDATE fare.audit_leaf SET bytes = replace(bytes, '"currency":"UAH"', '"currency":"EUR"') WHERE leaf_id = $1`,
    [edited.leafId],
  );
  await audit('export', '--log', 'edited');
  const found = await verify('edited');
  expect(found.error).toMatchObject({ code: 'AUDIT_LEAF_DIFFERS' });
  expect(found.error.message).toContain(`Leaf ${edited.n} does not fit (kind decision)`);
  await engine.admin.query('DELETE FROM fare.audit_leaf WHERE leaf_id = $1', [deleted.leafId]);
  await audit('export', '--log', 'deleted');
  expect((await verify('deleted')).error.message).toContain(`Leaf ${deleted.n} does not fit`);
});

test('a log that was rewritten from the start, tiles, root, signature and all, does not get past a witness', async () => {
  await role.stop();
  await engine.admin.query('TRUNCATE fare.audit_tile, fare.audit_checkpoint');
  await engine.admin.query(
    "UPDATE fare.audit_tree SET size = 0, levels = '{}', last_xact = '0', last_leaf_id = 0",
  );
  role = await startEngine(engine, { auditKeys: [auditKey], limits: { auditEveryMs: 0 } });
  await ride(320, 340);
  await sealed();
  await audit('export', '--log', 'rewritten');
  expect((await verify('rewritten')).code).toBe(0);
  expect(await refused(verify('rewritten', '--checkpoint', 'w1.checkpoint'))).toBe('AUDIT_ROOT_DIFFERS');
  const args = [
    '--state',
    'state-w1',
    '--witness-key',
    'w1.pem',
    '--name',
    'witness.example/w1',
    '--out',
    'never',
  ];
  const refusal = await audit('witness', '--from', 'rewritten', '--key', KEY, ...args);
  expect(refusal.error.code).toBe('AUDIT_FORKED');
  expect(existsSync(join(folder, 'never'))).toBe(false);
  const evidence = readdirSync(join(folder, 'state-w1')).find((name) => name.startsWith('evidence-'));
  expect(readdirSync(join(folder, 'state-w1', evidence as string)).sort()).toEqual([
    'fresh.checkpoint',
    'seen.checkpoint',
  ]);
  cpSync(join(folder, 'rewritten'), join(folder, 'cut'), { recursive: true });
  rmSync(join(folder, 'cut/checkpoint'));
  expect(await refused(verify('cut'))).toBe('AUDIT_LOG_UNREADABLE');
});

test.each([[['--log', 'stopped', '--day', '2025-10-14']], [['--out', 'stopped', '--day', '2025-10-14']]])(
  'Ctrl-C ends an export, and nothing is left behind: %j',
  async (args) => {
    const { code, said, told } = await interrupted(() => audit('export', ...args));
    expect([code, said]).toEqual([1, '']);
    expect(told).toContain('Stopped: nothing was exported');
    expect(readdirSync(folder).filter((name) => name.startsWith('stopped'))).toEqual([]);
  },
);
