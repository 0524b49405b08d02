/**
 * What needs a person now, from the figures the page shows anyway: each finding has a code, a severity and the devices
 * it speaks of, so that a stranger can tell from the page what is wrong. Pure; the sentences are in the catalogues.
 */
import type { BackupRow, JournalAlarmRow, TariffExtractRow } from './ports.ts';
import {
  ATTENTION_CODES,
  type AttentionCode,
  type CityWire,
  type DeviceWire,
  type FindingWire,
} from './schemas.ts';

/** From when on something needs a person (`attention` in city.yaml). Times are of the city's clock. */
export interface AttentionLimits {
  /** A device that nobody has heard for so long is silent. */
  readonly silentS: number;
  /** A deny list that was last vouched for so long ago is old. */
  readonly denyListOldS: number;
  /** A clock that last met the city's time so long ago is on its own. */
  readonly clockAloneS: number;
  /** Part of a journal's room, percent, from which it is nearly full. */
  readonly journalFullPct: number;
  /** Rows waiting for the fare engine from which it falls behind. */
  readonly backlogRows: number;
  /** A backup whose watermark stands still for so long holds too little. */
  readonly backupOldS: number;
  /** A new tariff may take so long to reach the validators before anybody asks. */
  readonly tariffGraceS: number;
  /** Signs of the past are asked about for so long; they stay in the views and tables. */
  readonly signShownS: number;
}

/** Where a city says nothing else. */
export const ATTENTION_LIMITS: AttentionLimits = {
  silentS: 600,
  denyListOldS: 3600,
  clockAloneS: 86_400,
  journalFullPct: 80,
  backlogRows: 20_000,
  backupOldS: 3600,
  tariffGraceS: 900,
  signShownS: 7 * 86_400,
};

/** Devices named in one finding; the others are counted. */
export const SUBJECTS_MAX = 12;

type Figures = Pick<CityWire, 'staleSinceMs' | 'devices' | 'counts' | 'quarantine' | 'nowMs'> & {
  readonly journals: readonly JournalAlarmRow[];
  readonly backup: BackupRow | null;
  readonly tariffExtract: TariffExtractRow | null;
};

/** The findings, alarms first, in a fixed order. */
export function findAttention(city: Figures, limits: AttentionLimits): FindingWire[] {
  return [
    ...staleDatabase(city),
    ...books(city),
    ...journals(city, limits),
    ...backups(city, limits),
    ...DEVICE_RULES.flatMap((rule) => aboutDevices(rule, city, limits)),
    ...tariffs(city, limits),
    ...setAside(city, limits),
    ...backlog(city, limits),
  ].sort((a, b) => Number(b.severity === 'alarm') - Number(a.severity === 'alarm'));
}

function finding(
  code: AttentionCode,
  severity: FindingWire['severity'],
  more: Partial<Pick<FindingWire, 'count' | 'subjects' | 'sinceMs'>> = {},
): FindingWire {
  return { code, severity, count: 0, subjects: [], sinceMs: null, ...more };
}

function staleDatabase({ staleSinceMs }: Figures): FindingWire[] {
  return staleSinceMs === null ? [] : [finding('DATABASE_SILENT', 'alarm', { sinceMs: staleSinceMs })];
}

function books({ counts }: Figures): FindingWire[] {
  if (counts === null) return [];
  return [
    ...(counts.reconciled ? [] : [finding('BOOKS_DIFFER', 'alarm')]),
    ...(counts.stuck > 0 ? [finding('ROWS_STUCK', 'alarm', { count: counts.stuck })] : []),
  ];
}

/** Kinds of signs → what they are on the page; every other kind says that a journal has forked. */
const SIGNS: Readonly<Record<string, AttentionCode>> = {
  'live-together': 'DEVICE_LIVES_TWICE',
  'two-boots': 'DEVICE_LIVES_TWICE',
  lost: 'JOURNAL_LOST',
  'code-used-again': 'KEY_IN_FOREIGN_HANDS',
  'superseded-certificate': 'KEY_IN_FOREIGN_HANDS',
  'foreign-signing-key': 'KEY_IN_FOREIGN_HANDS',
};

/** Copied devices, stolen keys and lost journals, as long as the signs are young enough to be asked about. */
function journals({ journals: signs, nowMs }: Figures, { signShownS }: AttentionLimits): FindingWire[] {
  const young = signs.filter(
    ({ noticedAtMs }) => noticedAtMs === null || nowMs - noticedAtMs < signShownS * 1000,
  );
  const byCode = Map.groupBy(young, ({ kind }) => SIGNS[kind] ?? 'JOURNAL_FORKED');
  return ATTENTION_CODES.flatMap((code) => {
    const rows = byCode.get(code) ?? [];
    if (rows.length === 0) return [];
    const names = [...new Set(rows.map(({ deviceId }) => deviceId))].sort();
    const sinceMs = Math.max(...rows.map(({ noticedAtMs }) => noticedAtMs ?? 0));
    return [finding(code, 'alarm', { count: names.length, subjects: names.slice(0, SUBJECTS_MAX), sinceMs })];
  });
}

function backups({ backup, nowMs }: Figures, { backupOldS }: AttentionLimits): FindingWire[] {
  if (backup === null || backup.state === 'none') return [];
  const old = backup.watermarkMs !== null && nowMs - backup.watermarkMs >= backupOldS * 1000;
  if (backup.state !== 'failing' && !old) return [];
  return [finding('BACKUP_OLD', 'alarm', { sinceMs: backup.watermarkMs })];
}

/** Validators without the newest tariff: a warning while it lies ahead, an alarm once rides are priced by it. */
function tariffs({ tariffExtract, devices, nowMs }: Figures, { tariffGraceS }: AttentionLimits) {
  if (tariffExtract === null || nowMs - tariffExtract.madeAtMs < tariffGraceS * 1000) return [];
  const { version, newestFromMs } = tariffExtract;
  // Planned, but never heard of yet, or put away: nobody misses its tariff.
  const expected = devices.filter(({ state, reportedAtMs }) => state !== 'off' && reportedAtMs !== null);
  const lacking = expected.filter(({ tariffVersion }) => (tariffVersion ?? -1) < version);
  if (lacking.length === 0) return [];
  const subjects = lacking.slice(0, SUBJECTS_MAX).map(({ deviceId }) => deviceId);
  const more = { count: lacking.length, subjects, sinceMs: newestFromMs };
  return nowMs < newestFromMs
    ? [finding('TARIFF_NOT_EVERYWHERE', 'warning', more)]
    : [finding('TARIFF_MISSED', 'alarm', more)];
}

function setAside({ quarantine, nowMs }: Figures, { signShownS }: AttentionLimits): FindingWire[] {
  const items = quarantine.reduce((sum, row) => sum + row.items, 0);
  if (items === 0) return [];
  const last = quarantine.reduce<number | null>(
    (latest, { lastAtMs }) => (lastAtMs !== null && lastAtMs > (latest ?? -Infinity) ? lastAtMs : latest),
    null,
  );
  if (last !== null && nowMs - last >= signShownS * 1000) return [];
  return [finding('QUARANTINE', 'warning', { count: items, sinceMs: last })];
}

function backlog({ counts }: Figures, limits: AttentionLimits): FindingWire[] {
  const waiting = (counts?.inbox ?? 0) + (counts?.queue ?? 0);
  return waiting < limits.backlogRows ? [] : [finding('BACKLOG', 'warning', { count: waiting })];
}

interface DeviceRule {
  readonly code: AttentionCode;
  readonly severity: FindingWire['severity'];
  readonly needs: (device: DeviceWire, nowMs: number, limits: AttentionLimits) => boolean;
}

/** Reported ages were true when the report was made; they have grown since. */
const grown = (ageMs: number, device: DeviceWire, nowMs: number): number =>
  ageMs + Math.max(0, nowMs - (device.reportedAtMs ?? nowMs));
/** A device that does not speak is silent; its last figures say nothing new. */
const speaks = (device: DeviceWire): boolean => device.state === 'online' || device.state === 'out-of-order';

const DEVICE_RULES: readonly DeviceRule[] = [
  { code: 'READER_NOT_READY', severity: 'alarm', needs: (device) => device.state === 'out-of-order' },
  {
    code: 'JOURNAL_NEARLY_FULL',
    severity: 'alarm',
    needs: ({ journalUnreceipted, journalCapacity }, _nowMs, { journalFullPct }) =>
      (journalUnreceipted ?? 0) * 100 >= (journalCapacity ?? Number.POSITIVE_INFINITY) * journalFullPct,
  },
  {
    code: 'VALIDATOR_SILENT',
    severity: 'warning',
    // Planned, but never heard of yet: nobody misses it.
    needs: ({ state, lastSeenMs }, nowMs, { silentS }) =>
      state === 'offline' && lastSeenMs !== null && nowMs - lastSeenMs >= silentS * 1000,
  },
  { code: 'RECORDS_MISSING', severity: 'warning', needs: (device) => device.gaps > 0 },
  {
    code: 'DENY_LIST_OLD',
    severity: 'warning',
    needs: (device, nowMs, { denyListOldS }) =>
      speaks(device) &&
      (device.denyListAgeMs === null
        ? device.reportedAtMs !== null
        : grown(device.denyListAgeMs, device, nowMs) >= denyListOldS * 1000),
  },
  {
    code: 'CLOCK_ALONE',
    severity: 'warning',
    needs: (device, nowMs, { clockAloneS }) =>
      speaks(device) &&
      device.clockSyncAgeMs !== null &&
      grown(device.clockSyncAgeMs, device, nowMs) >= clockAloneS * 1000,
  },
];

function aboutDevices(rule: DeviceRule, city: Figures, limits: AttentionLimits): FindingWire[] {
  const devices = city.devices.filter((device) => rule.needs(device, city.nowMs, limits));
  if (devices.length === 0) return [];
  const subjects = devices.slice(0, SUBJECTS_MAX).map((device) => device.deviceId);
  return [finding(rule.code, rule.severity, { count: devices.length, subjects })];
}
