/** `kvytok device`: the office's word on devices: a code for a new one, an end for a stolen one. */
import { randomBytes } from 'node:crypto';
import { parseArgs } from 'node:util';
import type pg from 'pg';
import { DeviceId, FeedId } from '#contracts/ids.ts';
import { parserOf } from '#contracts/parse.ts';
import { systemClock } from '#platform/clock.ts';
import { listDevices, makeCode, revokeDevice } from '../../ingest/enrolment/adapters/device-office.ts';
import { CODE_RANDOM_BYTES } from '../../ingest/enrolment/codes.ts';
import { openAuditDatabase } from '../audit-database.ts';
import { type CommandIo, EXIT, UsageError } from '../command.ts';
import { refuseUnknownDevice } from '../known-names.ts';

export const usage = `Usage: kvytok device new DEVICE [--vehicle VEHICLE | --inspector] [--hours N] [--who NAME]
       kvytok device revoke DEVICE --reason TEXT [--who NAME]
       kvytok device list [--json]

new      prints a one-time code for this device: shown once, stored as a hash only, good for N hours (24);
         --inspector: for an inspector's device, which may ask the validators of any vehicle
revoke   takes the device out of service: its certificates, its signing keys and its unused codes, at once. The broker
         drops it within a second or two; what it has signed and not delivered is quarantined from now on.
list     every device: until when its certificate is good, alarms about its identity

  --data   data folder of a running city; otherwise KVYTOK_POSTGRES_URL (role office_runtime)
`;

const OPTIONS = {
  vehicle: { type: 'string' },
  inspector: { type: 'boolean', default: false },
  hours: { type: 'string', default: '24' },
  reason: { type: 'string' },
  who: { type: 'string', default: 'kvytok device' },
  json: { type: 'boolean', default: false },
  data: { type: 'string' },
} as const;

const HOUR_MS = 3_600_000;
const HOURS_MAX = 24 * 30;

const isDeviceId = parserOf(DeviceId);
const isFeedId = parserOf(FeedId);

export async function run(args: string[], io: CommandIo): Promise<number> {
  const { values, positionals } = parseArgs({ args, allowPositionals: true, options: OPTIONS });
  const [what, deviceId, ...rest] = positionals;
  if (rest.length > 0) throw new UsageError(`too much: ${rest.join(' ')}`);
  if (what === undefined || !['new', 'revoke', 'list'].includes(what))
    throw new UsageError('new DEVICE, revoke DEVICE or list is needed');
  const { pool } = openAuditDatabase(values.data, io, 'office_runtime');
  try {
    if (what === 'list') return await list(pool, values.json, io);
    if (deviceId === undefined || !isDeviceId(deviceId).ok || deviceId === 'lists')
      throw new UsageError('a device id has 2 to 63 lower-case letters, digits and -, and is not "lists"');
    return what === 'new'
      ? await offerCode(pool, deviceId, values, io)
      : await revoke(pool, deviceId, values, io);
  } finally {
    await pool.end();
  }
}

interface Values {
  readonly vehicle?: string;
  readonly inspector: boolean;
  readonly hours: string;
  readonly reason?: string;
  readonly who: string;
  readonly data?: string;
}

async function offerCode(pool: pg.Pool, deviceId: string, values: Values, io: CommandIo): Promise<number> {
  const hours = Number(values.hours);
  if (!Number.isInteger(hours) || hours < 1 || hours > HOURS_MAX)
    throw new UsageError(`--hours takes a whole number from 1 to ${HOURS_MAX}`);
  if (values.vehicle !== undefined && !isFeedId(values.vehicle).ok)
    throw new UsageError('--vehicle takes 1 to 128 printable characters');
  const { code, expiresAtMs } = await makeCode(pool, {
    deviceId,
    vehicleId: values.vehicle,
    inspector: values.inspector,
    random: randomBytes(CODE_RANDOM_BYTES),
    nowMs: systemClock.nowMs(),
    validMs: hours * HOUR_MS,
    issuedBy: values.who,
  });
  io.stdout.write(`${code}\n`);
  io.stderr.write(
    `One-time code for ${deviceId}, good until ${new Date(expiresAtMs).toISOString()}. It is shown this once.\n`,
  );
  return EXIT.ok;
}

async function revoke(pool: pg.Pool, deviceId: string, values: Values, io: CommandIo): Promise<number> {
  if (!values.reason) throw new UsageError('why? Give --reason TEXT');
  await refuseUnknownDevice(deviceId, values, io);
  const { keys, certificates } = await revokeDevice(pool, {
    deviceId,
    reason: values.reason,
    revokedBy: values.who,
    nowMs: systemClock.nowMs(),
  });
  io.stdout.write(
    `${deviceId}: ${certificates} certificates and ${keys} signing keys revoked; codes are void.\n`,
  );
  return EXIT.ok;
}

async function list(pool: pg.Pool, json: boolean, io: CommandIo): Promise<number> {
  const devices = await listDevices(pool, systemClock.nowMs());
  for (const device of devices) {
    if (json) {
      io.stdout.write(`${JSON.stringify(device)}\n`);
      continue;
    }
    const { deviceId, certificateUntilMs, revokedAtMs, codeWaits, alarms } = device;
    const facts = [
      certificateUntilMs === null ? 'no certificate' : `certificate until ${day(certificateUntilMs)}`,
      ...(revokedAtMs === null ? [] : [`revoked ${day(revokedAtMs)}`]),
      ...(codeWaits ? ['a code waits'] : []),
      ...alarms.map((kind) => `ALARM ${kind}`),
    ];
    io.stdout.write(`${deviceId}  ${facts.join(', ')}\n`);
  }
  return EXIT.ok;
}

function day(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
