/** `kvytok edge`: one device with a real reader: a validator, an inspector's, an issuing station. */
import { parseArgs } from 'node:util';
import { createBootClock } from '#platform/boot-clock.ts';
import { createLogger, type Logger } from '#platform/logger.ts';
import { createLifecycle, type Lifecycle, onSignals } from '#platform/shutdown.ts';
import type { Agent } from '../../edge-agent/agent.ts';
import { type EdgeConfig, edgeConfigFrom } from '../../edge-agent/config.ts';
import { type EdgeRole, startEdge } from '../../edge-agent/main.ts';
import { simulatedClock } from '../city/simulated-time.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import type { EdgeRun } from '../edge/edge-run.ts';
import type { InspectorValues } from '../edge/run-inspector.ts';
import type { StationValues } from '../edge/run-station.ts';
import { opsListen } from '../ops-listen.ts';

export const usage = `kvytok edge --device DIR [--screen-port N] [--reader NAME] [--mqtt-url URL] [--events]
       kvytok edge --inspector --device DIR [--staff ID] [--vehicle VEHICLE] [--route ROUTE] [--lang uk|en|de|pl]
                   [--screen-port N] [--reader NAME] [--mqtt-url URL] [--events]
       kvytok edge --issue --device DIR --staff ID --kind KIND --valid-until DATE [--valid-from DATE] [--language LANG]
                   [--replaces TOKEN] [--count N] [--random-uid] [--reader NAME] [--mqtt-url URL] [--events]
       kvytok edge --issue --device DIR --staff ID --batch FILE | --rekey | --wipe | --give-up
       kvytok edge --device DIR --enrol URL --code CODE --ca-sha256 HASH

Runs one validator: reads cards from a PC/SC reader, answers within half a second with or
without a network, keeps every answer in a signed journal, and brings it to the city.

With --inspector it runs an inspector's device: it says within a second whether a valid ride stands on this vehicle, by the
card's own log or by the vehicle's validators, and prepares a protocol only where no doubt is left. An inspector's service
card opens and closes the shift; the page on --screen-port is made for a phone.

With --issue it makes cards: held to the reader, a blank DESFire card gets keys, application and files, is read back as a
validator does, and stands in the journal with who did it. A card that is pulled away is refused everywhere, and finished
when it is held again. Only a device that the office named (kvytok assign station) moves accounts and denies cards.

  --device DIR       the device folder made by enrolment (or KVYTOK_EDGE_DEVICE_DIR)
  --screen-port N    serve the screen page on 127.0.0.1:N; 0 takes a free port
  --reader NAME      PC/SC reader to use; any when not given
  --mqtt-url URL     broker instead of the one in the device folder
  --simulated-time T  live in the time of a simulated city: CITY_MS,MACHINE_MS,SPEED
  --enrol URL        make the device folder: ask the city's enrolment service there for a certificate, and end.
                     May be repeated with the same code until it has come through
  --code CODE        the one-time code from "kvytok device new"
  --ca-sha256 HASH   hash of the city's device authority, from "kvytok ca init" or city.json
  --inspector        run an inspector's device
  --staff ID         open its shift for this personnel number at once
  --vehicle, --route where it is; the page can say it too
  --lang LANGUAGE    of what it prints for people; uk when not given
  --issue            run an issuing station; needs card-keys.json and issuer-key.pem in the device folder
  --kind KIND        social, wallet, driver, inspector, technician
  --valid-until DATE first day on which the card holds no more; --valid-from: today when not given. YYYY-MM-DD, UTC
  --language LANG    in which the holder is answered; uk when not given
  --replaces TOKEN   of a lost card: its account goes over to the new one, and it is denied
  --count N          so many cards of this kind (1)
  --random-uid       the chip keeps its number to itself from then on
  --batch FILE       one JSON object a line: {"kind","validUntil","validFrom","language","replaces","randomUid",
                     "product":{"id","validUntil"}}. Goes on where it stopped; its name is the file's
  --rekey            cards that are held to the reader get the next generation of keys
  --wipe             cards that were begun here become blank again
  --give-up          begun cards that are not found again: their tokens are denied
  --events           print one JSON line for each answer:
                     {"sign","reason","lookUp","repeated","recordId","language","online","atMs"}

KVYTOK_OPS_LISTEN=127.0.0.1:9464 offers /healthz, /readyz and /metrics there; without it nothing listens.
KVYTOK_LOG_LEVEL=debug says more on stderr.
Ctrl-C stops it cleanly. What has not reached the city yet stays in the journal.
`;

const OPTIONS = {
  device: { type: 'string' },
  'screen-port': { type: 'string' },
  reader: { type: 'string' },
  'mqtt-url': { type: 'string' },
  'simulated-time': { type: 'string' },
  enrol: { type: 'string' },
  code: { type: 'string' },
  'ca-sha256': { type: 'string' },
  inspector: { type: 'boolean', default: false },
  staff: { type: 'string' },
  vehicle: { type: 'string' },
  route: { type: 'string' },
  lang: { type: 'string' },
  issue: { type: 'boolean', default: false },
  batch: { type: 'string' },
  kind: { type: 'string' },
  'valid-from': { type: 'string' },
  'valid-until': { type: 'string' },
  language: { type: 'string' },
  replaces: { type: 'string' },
  count: { type: 'string' },
  'random-uid': { type: 'boolean' },
  rekey: { type: 'boolean' },
  wipe: { type: 'boolean' },
  'give-up': { type: 'boolean' },
  events: { type: 'boolean', default: false },
} as const;

/** Runs until it is told to stop. */
export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values } = parseArgs({ args, options: OPTIONS, strict: true });
  const config = configOf(values, io.env);
  if (values.enrol !== undefined) return enrol(values.enrol, values, config.deviceDir, io);
  const pretty = (io.stderr as { isTTY?: boolean }).isTTY === true;
  const time = values['simulated-time'];
  const clock = time === undefined ? createBootClock() : simulatedClock(time);
  const level = io.env['KVYTOK_LOG_LEVEL'] ?? 'info';
  const log = createLogger({ component: 'edge', level, pretty, write: (line) => void io.stderr.write(line) });
  const lifecycle = createLifecycle(log);
  const signals = onSignals(log);
  try {
    const work = await startRole(config, values, { io, clock, log, lifecycle });
    await Promise.race([signals.received, work?.end ?? FOREVER]);
  } finally {
    signals.forget();
    await lifecycle.stop();
  }
  return EXIT.ok;
}

const FOREVER = new Promise<void>(() => {});

/** Starts what was asked for; a promise where its work has an end. */
async function startRole(
  config: EdgeConfig,
  values: InspectorValues & StationValues & { inspector: boolean; issue: boolean },
  run: EdgeRun,
): Promise<{ readonly end: Promise<void> } | undefined> {
  if (values.inspector && values.issue) throw new UsageError('--inspector or --issue, not both');
  if (values.issue) {
    const { runStation } = await import('../edge/run-station.ts');
    return runStation(config, values, run);
  }
  await (values.inspector ? startInspection : startValidator)(config, values, run);
  return undefined;
}

async function startValidator(
  config: EdgeConfig,
  { events }: { events: boolean },
  run: EdgeRun,
): Promise<void> {
  const { io, clock, log, lifecycle } = run;
  const edge = lifecycle.add(await startEdge(config, { clock, log }));
  if (io.env['KVYTOK_OPS_LISTEN']) await offerFigures(edge, io, lifecycle, log);
  if (events) printEvents(edge.agent, io);
  announce(io, events, edge.deviceId, edge.screenUrl);
}

/** Loaded only when asked for. */
async function startInspection(config: EdgeConfig, values: InspectorValues, run: EdgeRun): Promise<void> {
  const { runInspector } = await import('../edge/run-inspector.ts');
  await runInspector(config, values, run);
}

/** Makes the device folder and ends. */
async function enrol(url: string, values: Values, deviceDir: string, io: CommandIo): Promise<number> {
  const { code, 'ca-sha256': hash } = values;
  const caSha256 = hash?.replaceAll(':', '').toLowerCase();
  if (!/^https:\/\/[^/\s]+\/?$/.test(url))
    throw new UsageError('--enrol takes an address like https://city:8443');
  if (code === undefined) throw new UsageError('which code? Give --code CODE');
  if (caSha256 === undefined || !/^[0-9a-f]{64}$/.test(caSha256))
    throw new UsageError('--ca-sha256 takes 64 hex digits: the hash of the authority that the city told you');
  const { enrolDeviceFolder } = await import('../../edge-agent/adapters/enrol-device.ts');
  const deviceId = await enrolDeviceFolder({ url, code, caSha256, deviceDir });
  io.stdout.write(`${JSON.stringify({ event: 'enrolled', deviceId, device: deviceDir })}\n`);
  return EXIT.ok;
}

/** Loaded only when asked for: a validator's memory is small. */
async function offerFigures(edge: EdgeRole, io: CommandIo, lifecycle: Lifecycle, log: Logger): Promise<void> {
  const [{ edgeVitals }, { startOpsServer }] = await Promise.all([
    import('../../edge-agent/vitals.ts'),
    import('#platform/ops-server.ts'),
  ]);
  const role = { name: edge.name, stop: async () => {}, vitals: edgeVitals(edge.agent) };
  lifecycle.add(await startOpsServer({ listen: opsListen(io.env), roles: () => [role], log }));
}

interface Values {
  readonly device?: string;
  readonly 'screen-port'?: string;
  readonly reader?: string;
  readonly 'mqtt-url'?: string;
  readonly code?: string;
  readonly 'ca-sha256'?: string;
}

/** Options stand above the environment; both are checked by the one schema. */
function configOf(values: Values, env: CommandIo['env']): EdgeConfig {
  if (values.device === undefined && !env['KVYTOK_EDGE_DEVICE_DIR'])
    throw new UsageError('which device? Give its folder with --device DIR.');
  const own = Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('KVYTOK_EDGE_')));
  return edgeConfigFrom({
    ...own,
    ...(values.device !== undefined && { KVYTOK_EDGE_DEVICE_DIR: values.device }),
    ...(values['screen-port'] !== undefined && { KVYTOK_EDGE_SCREEN_PORT: values['screen-port'] }),
    ...(values.reader !== undefined && { KVYTOK_EDGE_READER_NAME: values.reader }),
    ...(values['mqtt-url'] !== undefined && { KVYTOK_EDGE_MQTT_URL: values['mqtt-url'] }),
  });
}

function printEvents(agent: Agent, io: CommandIo): void {
  agent.onAnswer(({ sign, reason, lookUp, repeated, language, online, atMs }, recordId) => {
    const said = { sign, reason, lookUp, repeated, recordId, language, online, atMs };
    io.stdout.write(`${JSON.stringify(said)}\n`);
  });
}

function announce(io: CommandIo, events: boolean, deviceId: string, screenUrl: string | null): void {
  const piped = events || (io.stdout as { isTTY?: boolean }).isTTY !== true;
  if (piped) {
    io.stdout.write(`${JSON.stringify({ event: 'ready', deviceId, screenUrl })}\n`);
    return;
  }
  io.stdout.write(`Validator ${deviceId} is ready.${screenUrl === null ? '' : ` Screen: ${screenUrl}`}\n`);
}
