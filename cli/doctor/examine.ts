/** What the doctor looks at, and what each lack costs. */
import { OperatorError } from '#platform/errors.ts';
import type { Machine } from './machine.ts';

export interface Finding {
  readonly id: string;
  /** `kvytok city` cannot start without it. */
  readonly needed: boolean;
  readonly ok: boolean;
  /** What was found. */
  readonly found: string;
  /** What its lack costs. */
  readonly costs?: string;
  /** The line to type, or what to do. */
  readonly todo?: string;
}

const GIB = 2 ** 30;
const MEMORY_MIN_GIB = 1;
const DISK_MIN_GIB = 1;
const VPCD_PORT = 35_963;
/** Pages and broker of `kvytok city`. */
const CITY_PORTS = [8080, 1883];

/** Looks at everything; never throws. */
export async function examine(machine: Machine, dataDir: string): Promise<Finding[]> {
  const looks = [
    node,
    size,
    disk,
    postgres,
    loopback,
    ports,
    smartcard,
    pcscd,
    virtualReader,
    browser,
    broker,
    database,
  ];
  const findings: Finding[] = [];
  for (const look of looks) findings.push(await look(machine, dataDir));
  return findings;
}

async function node(machine: Machine): Promise<Finding> {
  const ok = Number(machine.nodeVersion.split('.')[0]) >= 24 && machine.platform === 'linux';
  const found = `Node ${machine.nodeVersion} on ${machine.platform}-${machine.arch}`;
  if (ok) return { id: 'node', needed: true, ok, found };
  return {
    id: 'node',
    needed: true,
    ok,
    found,
    costs: 'nothing of Kvytok runs',
    todo: 'on Linux x64 or arm64: npm ci',
  };
}

async function size(machine: Machine): Promise<Finding> {
  const totalGib = machine.memoryTotalBytes / GIB;
  const ok = totalGib >= MEMORY_MIN_GIB;
  const free = (machine.memoryFreeBytes / GIB).toFixed(1);
  const found = `${machine.cores} core(s), ${totalGib.toFixed(1)} GiB memory, ${free} GiB free`;
  if (ok) return { id: 'memory', needed: true, ok, found };
  return {
    id: 'memory',
    needed: true,
    ok,
    found,
    costs: 'the city may be ended for lack of memory',
    todo: `use a machine with at least ${MEMORY_MIN_GIB} GiB`,
  };
}

async function disk(machine: Machine, dataDir: string): Promise<Finding> {
  const freeGib = (await machine.diskFreeBytes(dataDir).catch(() => 0)) / GIB;
  const ok = freeGib >= DISK_MIN_GIB;
  const found = `${freeGib.toFixed(1)} GiB free for ${dataDir}`;
  if (ok) return { id: 'disk', needed: true, ok, found };
  return {
    id: 'disk',
    needed: true,
    ok,
    found,
    costs: 'the database stops when the disk is full',
    todo: 'free some space, or choose another folder with --data',
  };
}

async function postgres(machine: Machine): Promise<Finding> {
  const base = { id: 'postgres', needed: true };
  try {
    return { ...base, ok: true, found: await machine.postgresVersion() };
  } catch (error) {
    const found = `the built-in PostgreSQL does not run: ${firstLine(error)}`;
    return {
      ...base,
      ok: false,
      found,
      costs: 'no ledger, so no city',
      todo: 'npm ci   (or set KVYTOK_POSTGRES_URL to a PostgreSQL of your own)',
    };
  }
}

async function loopback(machine: Machine): Promise<Finding> {
  const ok = await machine.portFree(0);
  const found = ok ? '127.0.0.1 can be listened on' : 'nothing can listen on 127.0.0.1';
  if (ok) return { id: 'loopback', needed: true, ok, found };
  return {
    id: 'loopback',
    needed: true,
    ok,
    found,
    costs: 'the parts cannot reach each other',
    todo: 'ip link set lo up',
  };
}

async function ports(machine: Machine): Promise<Finding> {
  const free = await Promise.all(CITY_PORTS.map((port) => machine.portFree(port)));
  const taken = CITY_PORTS.filter((_port, index) => !free[index]);
  const base = { id: 'ports', needed: false };
  if (taken.length === 0)
    return { ...base, ok: true, found: `${CITY_PORTS.join(' and ')} are free on 127.0.0.1` };
  return {
    ...base,
    ok: false,
    found: `taken on 127.0.0.1: ${taken.join(', ')}`,
    costs: 'perhaps a city runs already; another one needs other ports',
    todo: 'kvytok city --port 0 --mqtt-port 0   (free ones are taken)',
  };
}

const CARD_COST =
  'no cards through PC/SC: kvytok tap and kvytok edge with a reader; the simulated city is not touched';

async function smartcard(machine: Machine): Promise<Finding> {
  const base = { id: 'smartcard', needed: false };
  try {
    await machine.loadSmartcard();
    return { ...base, ok: true, found: 'the PC/SC module loads' };
  } catch (error) {
    const found = `the npm module smartcard does not load: ${firstLine(error)}`;
    return { ...base, ok: false, found, costs: CARD_COST, todo: await packagesThen(machine, 'npm ci') };
  }
}

async function pcscd(machine: Machine): Promise<Finding> {
  const path = await machine.program('pcscd');
  const base = { id: 'pcscd', needed: false };
  if (path !== undefined) {
    const running = await machine.exists('/run/pcscd/pcscd.comm');
    return {
      ...base,
      ok: true,
      found: `${path}, ${running ? 'running' : 'not running; it is started when needed'}`,
    };
  }
  return { ...base, ok: false, found: 'no pcscd', costs: CARD_COST, todo: await packagesThen(machine) };
}

async function virtualReader(machine: Machine): Promise<Finding> {
  const base = { id: 'vpcd', needed: false };
  const installed = await machine.exists('/etc/reader.conf.d/vpcd');
  if (!installed) {
    const costs = 'no virtual reader: kvytok tap needs a real one';
    return { ...base, ok: false, found: 'no vsmartcard-vpcd', costs, todo: await packagesThen(machine) };
  }
  const free = await machine.portFree(VPCD_PORT);
  const found = `virtual reader installed, port ${VPCD_PORT} ${free ? 'free' : 'taken, as it is while pcscd runs'}`;
  return { ...base, ok: true, found };
}

async function browser(machine: Machine): Promise<Finding> {
  const path = (await machine.program('chromium')) ?? (await machine.program('chromium-browser'));
  const base = { id: 'chromium', needed: false };
  if (path !== undefined) return { ...base, ok: true, found: path };
  const costs = 'npm test cannot open the pages';
  return { ...base, ok: false, found: 'no chromium', costs, todo: await packagesThen(machine) };
}

/** Only where the environment names a broker: is it there, and does it hold what a fleet sends at once? */
async function broker(machine: Machine): Promise<Finding> {
  const base = { id: 'broker', needed: false };
  const check = await machine.checkBroker().catch((error: unknown) => firstLine(error));
  if (check === undefined) return { ...base, ok: true, found: 'the embedded one; no other is named' };
  if (check === null || typeof check === 'string') {
    const found =
      check === null ? 'the connection to the broker was lost while it was measured' : `broker: ${check}`;
    const costs = 'taps wait at the validators until it is there';
    const todo = 'look at KVYTOK_MQTT_URL, KVYTOK_DOCTOR_CLIENT_ID, its secret and the log of the broker';
    return { ...base, ok: false, found, costs, todo };
  }
  if (check.length === 0) return { ...base, ok: true, found: 'the broker holds what a fleet sends at once' };
  return {
    ...base,
    ok: false,
    found: check.map(({ limit, found, needed }) => `${limit}: ${found} of ${needed}`).join(', '),
    costs: 'acknowledged batches are dropped and offered again later; catching up takes long',
    todo: check.map(({ todo }) => todo).join(' '),
  };
}

/** Only where the environment names a database: is it there, and do its transaction numbers go on after those of its rows? */
async function database(machine: Machine): Promise<Finding> {
  const base = { id: 'database', needed: false };
  try {
    const named = await machine.checkDatabase();
    return {
      ...base,
      ok: true,
      found: named ? 'the database goes on where it was' : 'the embedded one; no other is named',
    };
  } catch (error) {
    const costs = 'nothing is accepted or posted; validators keep their records';
    if (error instanceof OperatorError)
      return { ...base, ok: false, found: error.happened, costs, todo: error.todo };
    const todo = 'start PostgreSQL, or look at KVYTOK_DOCTOR_POSTGRES_URL (role fare_runtime)';
    return { ...base, ok: false, found: `database: ${firstLine(error)}`, costs, todo };
  }
}

/** The line that installs what is missing, and what comes after. */
async function packagesThen(machine: Machine, then?: string): Promise<string> {
  const missing = await machine.missingPackages();
  const after = then === undefined ? '' : ` && ${then}`;
  if (missing === undefined) return `install what scripts/debian-packages.txt lists for your system${after}`;
  if (missing.length === 0) return then ?? 'start it: pcscd';
  return `sudo apt-get update && sudo apt-get install --no-install-recommends ${missing.join(' ')}${after}`;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split('\n')[0] ?? '').slice(0, 200);
}
