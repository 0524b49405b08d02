/**
 * Carries out rounds of kills and faults on a rig: faults → heal → the city must catch up → and now and then everything
 * is counted. What it finds is a value; whether it is good enough says the caller.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Fault, Kill, Round } from '../../simulators/faults/fault-plan.ts';
import { drainFareEngine } from '../city/drain.ts';
import { type CityReconciliation, reconcileCity } from '../city/reconcile-city.ts';
import { type CityRig, RIG_PROCESSES, type RigProcess } from './city-rig.ts';
import { MQTT_WIRES, type MqttWire, WIRES, type WireName } from './wires.ts';

/** What one round did. */
export interface RoundOutcome {
  /** Kills that happened, by process and point; `-` = wherever it was. */
  readonly kills: readonly string[];
  /** Other faults, by kind. */
  readonly faults: readonly string[];
  /** From the moment everything ran again until every green shown before it was priced, milliseconds. */
  readonly healMs: number;
  /** What did not go as it must, each in one sentence. */
  readonly problems: readonly string[];
}

/** How long an armed process may take to its point, and a city to catch up. */
const POINT_MS_MAX = 120_000;
const HEAL_MS_MAX = 180_000;
const LOOK_EVERY_MS = 50;
/** The first syncs, by which a process opens its files, hold; then every third fails. */
const DISK_ERRORS = [
  'strace',
  '-D',
  '-f',
  '-qq',
  '-o',
  '/dev/null',
  '-e',
  'trace=fdatasync',
  '-e',
  'inject=fdatasync:error=EIO:when=30+3',
];

/** Starts every process and waits until all say that they are ready. */
export async function startAll(rig: CityRig): Promise<void> {
  const started = RIG_PROCESSES.filter((name) => rig.running(name) === undefined).map((name) =>
    rig.start(name),
  );
  await Promise.all(started.map((child) => child.ready));
}

/** One round, to its healed end. */
export async function runRound(rig: CityRig, round: Round): Promise<RoundOutcome> {
  const problems: string[] = [];
  const faults = bringFaults(
    rig,
    round.faults.filter((fault) => fault.kind !== 'disk-errors'),
  );
  const together = round.kills.filter(({ alone }) => alone === undefined);
  const byProcess = Map.groupBy(together, ({ process }) => process as RigProcess);
  // All of it, or the round ends while its faults go on.
  const [killed] = await Promise.all([
    Promise.all([...byProcess].map(([name, kills]) => killInTurn(rig, name, kills, problems))),
    faults,
  ]);
  for (const fault of round.faults) if (fault.kind === 'disk-errors') await bring(rig, fault);
  for (const kill of round.kills)
    if (kill.alone !== undefined) killed.push(await killAlone(rig, kill, problems));
  for (const name of MQTT_WIRES) rig.wires.mqtt(name).rule([]);
  await startAll(rig);
  const healMs = await untilCaughtUp(rig);
  if (healMs === null) problems.push(`the city had not caught up after ${HEAL_MS_MAX} ms`);
  return { kills: killed.flat(), faults: round.faults.map(nameOf), healMs: healMs ?? HEAL_MS_MAX, problems };
}

async function killInTurn(
  rig: CityRig,
  name: RigProcess,
  kills: readonly Kill[],
  problems: string[],
): Promise<string[]> {
  const done: string[] = [];
  for (const { at } of kills) {
    if (at === null) {
      if ((await rig.running(name)?.kill()) === 'SIGKILL') done.push(`${name} -`);
      continue;
    }
    await rig.running(name)?.kill();
    const armed = rig.start(name, { killAt: at });
    const how = await Promise.race([armed.ended, delay(POINT_MS_MAX, 'never', { ref: false })]);
    if (how === 'SIGKILL') done.push(`${name} ${at.replace(/:\d+$/, '')}`);
    else problems.push(`${name} did not die at ${at} (${how})\n${armed.errors()}`);
  }
  // Whoever died is needed by the others on their way to their own points.
  if (rig.running(name) === undefined) await rig.start(name).ready;
  return done;
}

/** The others die first and are started again when it has died. */
async function killAlone(rig: CityRig, kill: Kill, problems: string[]): Promise<string[]> {
  const done: string[] = [];
  for (const name of kill.alone as readonly RigProcess[])
    if ((await rig.running(name)?.kill()) === 'SIGKILL') done.push(`${name} -`);
  done.push(...(await killInTurn(rig, kill.process as RigProcess, [kill], problems)));
  await startAll(rig);
  return done;
}

/** All at once; resolves when the last is over. */
export async function bringFaults(rig: CityRig, faults: readonly Fault[]): Promise<void> {
  await Promise.all(faults.map((fault) => bring(rig, fault)));
}

async function bring(rig: CityRig, fault: Fault): Promise<void> {
  switch (fault.kind) {
    case 'weather': {
      const wire = rig.wires.wire(fault.wire as WireName);
      wire.turn(fault.weather);
      await delay(fault.forMs);
      return wire.turn({ kind: 'fair' });
    }
    case 'reset':
      return rig.wires.wire(fault.wire as WireName).reset();
    case 'messages':
      return rig.wires.mqtt(fault.wire as MqttWire).rule(fault.rules);
    case 'database-kill':
      await rig.killDatabase();
      return rig.healDatabase();
    case 'disk-errors': {
      const name = fault.process as RigProcess;
      await rig.running(name)?.kill();
      const child = rig.start(name, { under: DISK_ERRORS });
      await Promise.race([child.ready.catch(() => {}), child.ended]);
      await delay(fault.forMs);
      await child.kill();
      return rig.start(name).ready;
    }
  }
}

function nameOf(fault: Fault): string {
  if (fault.kind === 'weather') return `${fault.weather.kind} ${fault.wire}`;
  if (fault.kind === 'database-kill') return fault.kind;
  return `${fault.kind} ${fault.kind === 'disk-errors' ? fault.process : fault.wire}`;
}

const UNPRICED = `
  SELECT count(*)::int AS n FROM unnest($1::text[]) AS green (id)
  WHERE NOT EXISTS (SELECT FROM fare.decision AS d WHERE d.tap_id = green.id)`;

/** Milliseconds until every green shown so far is priced; null when that takes too long. */
export async function untilCaughtUp(rig: CityRig): Promise<number | null> {
  const beganMs = performance.now();
  const shown = [...rig.greens];
  for (;;) {
    const { rows } = await rig.auditor
      .query<{ n: number }>(UNPRICED, [shown])
      .catch(() => ({ rows: [{ n: shown.length }] }));
    const tookMs = performance.now() - beganMs;
    if (rows[0]?.n === 0) return Math.round(tookMs);
    if (tookMs > HEAL_MS_MAX) return null;
    await delay(LOOK_EVERY_MS);
  }
}

/** Lets the last passengers through, waits until nothing is under way, and counts everything. */
export async function reckon(rig: CityRig): Promise<CityReconciliation> {
  for (const name of WIRES) rig.wires.wire(name).turn({ kind: 'fair' });
  rig.restClerk(true);
  const ended = await rig.running('validators')?.stop();
  await drainFareEngine(rig.auditor, HEAL_MS_MAX);
  const { data, dataFolder, greens } = rig;
  const result = await reconcileCity(rig.auditor, { dataFolder, devices: data.devices, greens });
  rig.restClerk(false);
  const { stillInJournals } = result.journals;
  return {
    ...result,
    problems: [
      ...result.problems,
      ...(ended === undefined || ended === 0 ? [] : [`the validators ended with ${ended}`]),
      ...(stillInJournals === 0 ? [] : [`${stillInJournals} records never left their journals`]),
    ],
  };
}
