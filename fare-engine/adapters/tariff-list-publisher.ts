/**
 * Publishes the tariff extract over MQTT, retained: parts first, then the manifest that leads to them. The engine that
 * publishes the deny list does it, and again at each new connection, so a broker that has forgotten has it back.
 */
import { createPublicKey } from 'node:crypto';
import type pg from 'pg';
import { type CitySigner, sealEnvelope } from '#contracts/signed-envelope.ts';
import { TARIFF_EXTRACT_BYTES_MAX } from '#contracts/tariff-extract.ts';
import {
  openTariffManifest,
  TARIFF_PART_BYTES,
  type TariffManifest,
  tariffParts,
} from '#contracts/tariff-list.ts';
import { LISTS } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';
import type { Logger } from '#platform/logger.ts';
import type { MqttConnection } from '#platform/mqtt-connection.ts';
import { inTransaction } from '#platform/postgres.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { type PlannedExtract, type PublishedExtract, planExtract } from '../tariffs/plan-extract.ts';
import type { LeaderLock } from './leader-lock.ts';
import { recallRetained } from './recall-retained.ts';

/** Earlier extracts of which parts may still lie at the broker. */
const LEFT_OVER_MAX = 3;

const LAST = `
  SELECT version::float8 AS version, content_sha256 AS "contentSha256", key_id AS "keyId"
    FROM fare.tariff_extract ORDER BY version DESC LIMIT 1`;
const INSERT = `
  INSERT INTO fare.tariff_extract (version, content_sha256, key_id, sha256, bytes, packages, made_at_ms)
  VALUES ($1, $2, $3, $4, $5, $6, $7)`;
const LEFT_OVER = `
  SELECT sha256, bytes FROM fare.tariff_extract WHERE version < $1 ORDER BY version DESC LIMIT ${LEFT_OVER_MAX}`;

export interface TariffListPublisher {
  /** One turn: publishes what changed, or what the broker may have lost. */
  turn(): Promise<void>;
}

interface PublisherDeps {
  readonly pool: pg.Pool;
  readonly mqtt: MqttConnection;
  readonly signer: CitySigner;
  readonly lock: LeaderLock;
  readonly clock: Clock;
  readonly log: Logger;
  readonly city: { readonly zone: string; readonly dayStart: string };
  /** Packages as this engine prices by them; null while it knows itself to be behind another. */
  readonly packages: () => Promise<readonly TariffPackage[] | null>;
}

/** Makes a publisher; nothing is published before the first turn. */
export function createTariffListPublisher(deps: PublisherDeps): TariffListPublisher {
  return new Publisher(deps);
}

class Publisher implements TariffListPublisher {
  private readonly deps: PublisherDeps;
  private readonly ownKey;
  /** What this connection's broker has from us; undefined until it was published on it. */
  private sentVersion: number | undefined;
  private madeOf: readonly TariffPackage[] | undefined;
  /** Highest version that was heard to be retained under our key. */
  private heardVersion = 0;
  private heard = Promise.withResolvers<void>();
  private complained = false;

  constructor(deps: PublisherDeps) {
    const { mqtt, signer } = deps;
    this.deps = deps;
    this.ownKey = new Map([[signer.keyId, createPublicKey(signer.privateKey)]]);
    mqtt.onLost(() => {
      this.sentVersion = undefined;
      this.heard = Promise.withResolvers();
    });
    mqtt
      .subscribe(LISTS.tariff, (_topic, payload) => this.hear(payload))
      // A broker that does not let us look is treated as one that has nothing.
      .catch(() => this.heard.resolve());
  }

  /** Every manifest comes back here: ours, and that of whoever led before and does not know yet that it is over. */
  private hear(payload: Uint8Array): void {
    const opened = openTariffManifest(payload, this.ownKey);
    const version = opened.ok ? opened.value.version : 0;
    this.heardVersion = Math.max(this.heardVersion, version);
    if (version !== this.sentVersion) this.sentVersion = undefined;
    this.heard.resolve();
  }

  async turn(): Promise<void> {
    const { mqtt, lock, packages } = this.deps;
    if (!mqtt.connected || !(await lock.held())) {
      this.sentVersion = undefined;
      return;
    }
    const told = await packages();
    if (told === null || (this.sentVersion !== undefined && this.madeOf === told)) return;
    if (!(await recallRetained(mqtt, this.heard.promise))) return;
    const planned = await this.plan(told);
    if (planned !== null) await this.publish(planned);
    this.madeOf = told;
  }

  /** The extract with its row: a version that is published once never gets another content. */
  private plan(packages: readonly TariffPackage[]): Promise<PlannedExtract | null> {
    const { pool, signer, city, clock, log } = this.deps;
    const { heardVersion } = this;
    const nowMs = clock.nowMs();
    return inTransaction(pool, async (client) => {
      const { rows } = await client.query<PublishedExtract>(LAST);
      const planned = planExtract({ packages, city, signer, last: rows[0] ?? null, heardVersion, nowMs });
      const { fresh, version, contentSha256, keyId, sha256, file } = planned;
      if (file.length > TARIFF_EXTRACT_BYTES_MAX) {
        if (!this.complained) log.error({ bytes: file.length }, 'fare.tariff-extract.too-large');
        this.complained = true;
        return null;
      }
      if (fresh)
        await client.query(INSERT, [
          version,
          contentSha256,
          keyId,
          sha256,
          file.length,
          JSON.stringify(planned.packages),
          nowMs,
        ]);
      return planned;
    });
  }

  private async publish({ version, sha256, file, packages }: PlannedExtract): Promise<void> {
    const { mqtt, signer, lock, clock, log, pool } = this.deps;
    const retained = { qos: 1, retain: true } as const;
    for (let part = 0; part < tariffParts(file.length); part++) {
      const bytes = file.subarray(part * TARIFF_PART_BYTES, (part + 1) * TARIFF_PART_BYTES);
      await mqtt.publish(LISTS.tariffPart(sha256, part), bytes, retained);
    }
    // Whoever has lost the lead sends nothing that others follow.
    if (!(await lock.held())) return;
    const issuedAtMs = clock.nowMs();
    const manifest: TariffManifest = { v: 1, version, sha256, bytes: file.length, issuedAtMs };
    this.sentVersion = version;
    try {
      await mqtt.publish(LISTS.tariff, sealEnvelope('tariff-manifest', manifest, signer), retained);
    } catch (error) {
      this.sentVersion = undefined;
      throw error;
    }
    log.info({ version, sha256, packages: packages.length }, 'fare.tariff-extract.published');
    const { rows } = await pool.query<{ sha256: string; bytes: number }>(LEFT_OVER, [version]);
    for (const old of rows)
      for (let part = 0; part < tariffParts(old.bytes); part++)
        await mqtt.publish(LISTS.tariffPart(old.sha256, part), new Uint8Array(), retained);
  }
}
