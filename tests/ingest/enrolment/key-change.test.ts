/** The city changes the key that signs its receipts; devices follow, also those that were away. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as keysCommand from '../../../cli/commands/keys.ts';
import { loadDevice } from '../../../edge-agent/adapters/load-device.ts';
import { runCommand } from '../../support/command-io.ts';
import { until } from '../../support/until.ts';
import { type RunningAgent, runAgent } from './agent.ts';
import { type EnrolmentRig, startEnrolmentRig } from './rig.ts';

let rig: EnrolmentRig;
const running: RunningAgent[] = [];
beforeAll(async () => {
  rig = await startEnrolmentRig();
});
afterAll(async () => {
  await Promise.all(running.map((agent) => agent.stop()));
  await rig?.stop();
});

async function run(dir: string): Promise<RunningAgent> {
  const agent = await runAgent(rig, dir);
  running.push(agent);
  return agent;
}

/** Runs `kvytok keys …` on the rig's database; gives its exit code and what it printed. */
async function keys(...args: string[]): Promise<{ code: number; out: string }> {
  const env = { KVYTOK_POSTGRES_URL: rig.database.url('office_runtime') };
  const { code, stdout } = await runCommand(keysCommand, args, '', rig.folder, env);
  return { code, out: stdout };
}

function writeKey(name: string, key: KeyObject): void {
  writeFileSync(join(rig.folder, name), key.export({ type: 'pkcs8', format: 'pem' }));
}
const believes = (dir: string): string[] => [...loadDevice(dir).ingestKeys.keys()];

describe('a new key for receipts', () => {
  it('is announced by the old one, followed by all, used, and left alone; a restart believes the same', async () => {
    writeKey('one.pem', rig.keys.ingest);
    const next = generateKeyPairSync('ed25519').privateKey;
    writeKey('two.pem', next);
    const [here, away] = [await rig.enrol('pin-here'), await rig.enrol('pin-away')];
    const first = await rig.startIngest();
    const device = await run(here);
    await device.tap(1);
    await device.delivered();

    await keys(
      'announce',
      '--use',
      'ingest',
      '--keys',
      'ingest-1=one.pem,ingest-2=two.pem',
      '--by',
      'ingest-1=one.pem',
    );
    await until(() => believes(here).includes('ingest-2'), { what: 'the device that is here believes both' });
    const halfway = await until(
      async () => {
        const status = await keys('status');
        return status.out.includes('1 devices have followed') && status;
      },
      { what: 'the office sees it' },
    );
    expect(halfway).toMatchObject({ code: 1, out: expect.stringContaining('not yet: pin-away') });

    await first.stop();
    await rig.startIngest({ keyId: 'ingest-2', privateKey: next });
    await device.tap(2);
    await device.delivered();
    await keys('announce', '--use', 'ingest', '--keys', 'ingest-2=two.pem', '--by', 'ingest-2=two.pem');
    await until(() => believes(here).join() === 'ingest-2', { what: 'the old key is dropped' });
    await device.stop();
    const again = await run(here);
    await again.tap(3);
    await again.delivered();

    // It was away through all of it, and follows step by step: only then it takes a receipt.
    const late = await run(away);
    await late.tap(4);
    await late.delivered();
    // The step that drops the old key may come after the receipt.
    await until(() => believes(away).join() === 'ingest-2', {
      what: 'the device that was away drops the old key',
    });
    await until(async () => (await keys('status')).code === 0, { what: 'everybody has followed' });
  });

  it('that nobody announced signs in vain: the device refuses its receipts and keeps its records', async () => {
    const dir = await rig.enrol('pin-strict');
    const city = loadDevice(dir);
    const foreign = generateKeyPairSync('ed25519').privateKey;
    // The folder believes another key of that name, as a device would whose city was replaced by an impostor.
    const file = JSON.parse(readFileSync(join(dir, 'device.json'), 'utf8')) as { ingestKeys: object };
    const pem = createPublicKey(foreign).export({ type: 'spki', format: 'pem' }).toString();
    writeFileSync(join(dir, 'device.json'), JSON.stringify({ ...file, ingestKeys: { 'ingest-2': pem } }));
    const device = await run(dir);
    await device.tap(5);
    await until(() => device.edge.agent.counters().receiptsRefused > 0, { what: 'a refused receipt' });
    expect(device.edge.agent.health().journal.unreceipted).toBeGreaterThan(0);
    expect(city.ingestKeys.size).toBe(1);
  });
});
