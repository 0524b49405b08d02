/** Proof of which devices have the tariffs: what was published last, and what each device says it holds. */
import { type Queryable, rowsOf } from './database-reader.ts';

export interface TariffHolder {
  readonly deviceId: string;
  /** null = it has never said that it holds one. */
  readonly version: number | null;
  readonly sha256: string | null;
  /** First report of this version, UTC ms. */
  readonly sinceMs: number | null;
  /** Last report, UTC ms. */
  readonly seenMs: number | null;
  /** It holds the extract that was published last, by version and hash. */
  readonly current: boolean;
}

export interface TariffProof {
  readonly v: 1;
  readonly extract: {
    readonly version: number;
    readonly sha256: string;
    readonly madeAtMs: number;
    readonly packages: readonly { packageHash: string; versionId: string; validFromMs: number }[];
  } | null;
  readonly have: number;
  readonly lack: number;
  /** Every device that has a key, by id. */
  readonly devices: readonly TariffHolder[];
}

const LAST = `
  SELECT version::float8 AS version, sha256, made_at_ms::float8 AS "madeAtMs", packages
    FROM fare.published_tariff_extract ORDER BY version DESC LIMIT 1`;
const HOLDERS = `
  SELECT device_id AS "deviceId", version::float8 AS version, sha256, since_ms::float8 AS "sinceMs",
         seen_ms::float8 AS "seenMs"
    FROM ingest.published_device_tariff ORDER BY device_id`;

/** Reads it under the role of an auditor or of the office. */
export async function showTariffDevices(client: Queryable): Promise<TariffProof> {
  const [extract = null] = await rowsOf<NonNullable<TariffProof['extract']>>(client, LAST);
  const rows = await rowsOf<Omit<TariffHolder, 'current'>>(client, HOLDERS);
  const devices = rows.map((row) => ({
    ...row,
    current: extract !== null && row.version === extract.version && row.sha256 === extract.sha256,
  }));
  const have = devices.filter(({ current }) => current).length;
  return { v: 1, extract, have, lack: devices.length - have, devices };
}
