/**
 * The way of a debt with every real part in this process: PostgreSQL, broker, ingest, fare engine, portal, a validator with a
 * bank card held to it, and who holds the money as sandboxes behind HTTP.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type pg from 'pg';
import { loadCity } from '#platform/city-data.ts';
import type { Clock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { startBroker } from '../../broker/main.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import { startEdge } from '../../edge-agent/main.ts';
import type { ScreenView } from '../../edge-agent/ports.ts';
import { startFareEngine } from '../../fare-engine/main.ts';
import { startIngest } from '../../ingest/main.ts';
import { startPortal } from '../../portal/main.ts';
import { accountOfCard } from '../../simulators/acquirer/open-sealed.ts';
import { type SandboxAcquirer, startSandboxAcquirer } from '../../simulators/acquirer/sandbox.ts';
import { bankCard, testPan } from '../../simulators/cards/emv/profiles.ts';
import { type SandboxProvider, startSandboxProvider } from '../../simulators/payments/sandbox.ts';
import { openCityKeys } from '../city/city-keys.ts';
import { deviceFolder, INGEST_CLIENT, LISTS_CLIENT, openIdentities } from '../city/identities.ts';
import { createOffice } from '../city/office.ts';
import { simulateOfficers } from '../city/simulated-officers.ts';
import { enrolRig } from '../faults/enrol-rig.ts';
import { openBenchDatabase } from './bench-database.ts';

export interface DebtsRig {
  readonly portalUrl: string;
  readonly acquirer: SandboxAcquirer;
  readonly provider: SandboxProvider;
  /** Under the auditor's role. */
  readonly auditor: pg.Pool;
  /** Takes all money from the account of card `n` at its bank. */
  empty(n: number): void;
  /** Holds bank card `n` to the validator, and gives what its screen said. */
  touch(n: number): Promise<ScreenView>;
  stop(): Promise<void>;
}

const CITY_DIR = join(import.meta.dirname, '../../cities/ternopil');
/** A working morning whose tariff is known. */
const MORNING_MS = Date.UTC(2025, 9, 14, 7);

/** Starts everything; the folder is the caller's to remove. */
export async function openDebtsRig(folder: string): Promise<DebtsRig> {
  const shiftMs = MORNING_MS - Date.now();
  const clock: Clock = { nowMs: () => Date.now() + shiftMs, monotonicMs: () => performance.now() };
  const log = createLogger({ component: 'bench-debts', level: 'error' });
  const closers: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const close of closers.splice(0).reverse()) await close();
  };
  try {
    return await openParts(folder, { clock, log }, closers, stop);
  } catch (error) {
    await stop();
    throw error;
  }
}

type Deps = { readonly clock: Clock; readonly log: ReturnType<typeof createLogger> };

async function openParts(
  folder: string,
  deps: Deps,
  closers: (() => Promise<void>)[],
  stop: () => Promise<void>,
): Promise<DebtsRig> {
  const { clock } = deps;
  const kept = <T extends { stop(): Promise<void> }>(part: T): T => {
    closers.push(() => part.stop());
    return part;
  };
  const keys = openCityKeys(join(folder, 'secrets'));
  const city = loadCity(CITY_DIR);
  const data = { ...city, devices: city.devices.slice(0, 1) };
  const database = kept(await openBenchDatabase(folder));
  const { file } = openIdentities(folder, data, keys, 'mqtt://127.0.0.1:1');
  const listen = { KVYTOK_BROKER_LISTEN: '127.0.0.1:0', KVYTOK_BROKER_IDENTITIES: file };
  const broker = kept(await startBroker(listen, deps));
  const identities = openIdentities(folder, data, keys, broker.url);
  const office = createOffice(database.pool('office_runtime'), 'bench', clock.nowMs);
  await enrolRig(database.pool('office_runtime'), office, data, identities.devices, clock.nowMs());
  const mqtt = (mqttClientId: string, secretFile: string) => ({
    ...{ mqttUrl: broker.url, mqttClientId, mqttSecret: readFileSync(secretFile, 'utf8').trim() },
  });
  kept(
    await startIngest(
      {
        ...mqtt(INGEST_CLIENT, identities.ingestSecretFile),
        postgresUrl: database.url('ingest_runtime'),
        signer: keys.ingest,
        clockFarFromReceiptMs: data.city.clock.farFromReceiptS * 1000,
      },
      deps,
    ),
  );
  const { acquirer, provider, callKey } = await openSandboxes(keys, deps, kept);
  const portal = kept(
    await startPortal(
      {
        KVYTOK_PORTAL_LISTEN: '127.0.0.1:0',
        KVYTOK_POSTGRES_URL: database.url('portal_runtime'),
        KVYTOK_CITY_DIR: CITY_DIR,
      },
      { ...deps, paymentCallKeys: [callKey] },
    ),
  );
  provider.setCallUrl(`${portal.url}/payments/call`);
  kept(
    await startFareEngine(
      {
        postgresUrl: database.url('fare_runtime'),
        cityDir: CITY_DIR,
        approvals: await simulateOfficers(folder, data, clock.nowMs()),
        acquirer: { url: acquirer.url, token: acquirer.token },
        payments: { url: provider.url, token: provider.token, publicUrl: portal.url },
        lists: { ...mqtt(LISTS_CLIENT, identities.listsSecretFile), signer: keys.lists },
      },
      deps,
    ),
  );
  const deviceDir = deviceFolder(folder, data.devices[0]?.deviceId ?? '');
  const reader = createInProcessCardReader(deviceDir);
  const edge = kept(await startEdge({ deviceDir }, { ...deps, reader }));
  edge.agent.setWhereabouts({ routeId: data.devices[0]?.routeId ?? '' });
  let seen: ScreenView | undefined;
  edge.agent.onAnswer((view) => {
    seen = view;
  });
  return {
    portalUrl: portal.url,
    acquirer,
    provider,
    auditor: database.pool('auditor_runtime', 2),
    empty: (n) => {
      acquirer.issuer.accountOf(accountOfCard(testPan('visa', n))).balanceMinor = 0n;
    },
    async touch(n) {
      seen = undefined;
      await reader.present(bankCard('visa', { pan: testPan('visa', n) }));
      if (seen === undefined) throw new Error('the validator said nothing');
      return seen;
    },
    stop,
  };
}

async function openSandboxes(
  keys: ReturnType<typeof openCityKeys>,
  { clock }: Deps,
  kept: <T extends { stop(): Promise<void> }>(part: T) => T,
) {
  const callKey = randomBytes(32);
  const { keyId, privateKey } = keys.acquirer;
  const nowMs = () => clock.nowMs();
  const acquirer = kept(
    await startSandboxAcquirer({ keys: new Map([[keyId, privateKey]]), token: 'bench', nowMs }),
  );
  const realMs = () => Date.now();
  const provider = kept(await startSandboxProvider({ token: 'bench', callKey, nowMs, realMs }));
  return { acquirer, provider, callKey };
}
