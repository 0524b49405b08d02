import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeJournals } from '../../../cli/bench/journals.ts';
import * as taps from '../../../cli/bench/taps.ts';
import { acceptBatch } from '../../../ingest/accept-batch.ts';
import { findingsOf } from './findings.ts';

const PLAN = {
  firstDevice: 7,
  devices: 2,
  tapsPerDevice: 45,
  batchRecords: 20,
  startMs: Date.UTC(2025, 9, 14, 4),
  spreadMs: 3_600_000,
  riders: 10,
  routeIds: ['T2'],
};

describe('the journals of a benchmark', () => {
  it('are such that ingest accepts every record of them', () => {
    for (const { deviceId, publicKeyPem, batches, lastSeq } of makeJournals(PLAN)) {
      expect(lastSeq).toBe(46);
      const publicKey = createPublicKey(publicKeyPem);
      const verdicts = batches.map((payload) =>
        acceptBatch(
          { topic: `kvytok/v1/${deviceId}/taps`, payload, receivedAtMs: PLAN.startMs },
          () => [{ keyId: 'k1', publicKey, revokedFromMs: null }],
          { clockFarFromReceiptMs: 86_400_000 },
        ),
      );
      expect(verdicts.flatMap((verdict) => verdict.quarantined)).toEqual([]);
      expect(verdicts.flatMap((verdict) => verdict.accepted).map(({ seq }) => seq)).toEqual(
        Array.from({ length: 46 }, (_, n) => n + 1),
      );
    }
  });
});

describe('kvytok bench taps', () => {
  it('brings every tap through real processes, exactly, beside its peers', async () => {
    const { result, rate } = await findingsOf((context) =>
      taps.run(
        ['--taps', '400', '--live', '60', '--devices', '5', '--peer', '200', '--pgbench', '0'],
        context,
      ),
    );
    expect(result.exact, result.notes.join('; ')).toBe(true);
    expect(result.setting).toMatchObject({ taps: 400, devices: 5 });
    expect(rate('catching up: priced, posted, receipted')).toBeGreaterThan(0);
    expect(rate('live, one record a batch: receipt after, median')).toBeGreaterThan(0);
    expect(rate('ratio to that flow')).toBeGreaterThan(0);
  });
});
