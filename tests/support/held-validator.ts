/** A validator of the rig's city in this process, in any folder: to be copied, put back, cloned or replaced. */
import { createHash, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '#platform/logger.ts';
import type { CityRig } from '../../cli/faults/city-rig.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import { type EdgeRole, startEdge } from '../../edge-agent/main.ts';
import { UPLOAD_LIMITS } from '../../edge-agent/upload.ts';
import { createVirtualCard } from '../../simulators/cards/virtual-card.ts';
import { shiftedClock } from '../../simulators/faults/shifted-clock.ts';
import { until } from './until.ts';

export interface HeldValidator {
  readonly edge: EdgeRole;
  /** Lines of its log. */
  readonly logs: readonly string[];
  /** Holds card `n` to it; gives the record's id, and fails when the light is not green. */
  tap(n: number): Promise<string>;
  /** Resolves when the city has receipted all that it wrote. */
  receipted(): Promise<void>;
  stop(): Promise<void>;
}

/** An address at which nobody is: a bus without a network. */
const NOWHERE = 'mqtt://127.0.0.1:1';

/** Starts the validator whose folder this is. Its greens go into the rig's. */
export async function holdValidator(rig: CityRig, deviceDir: string, online = true): Promise<HeldValidator> {
  const logs: string[] = [];
  const reader = createInProcessCardReader(deviceDir);
  const log = createLogger({ component: 'edge', level: 'warn', write: (line) => void logs.push(line) });
  const upload = { ...UPLOAD_LIMITS, receiptTimeoutMs: 1500, pauseMs: 100, pauseMsMax: 500 };
  const edge = await startEdge(
    { deviceDir, mqttUrl: online ? rig.mqttUrl : NOWHERE, healthIntervalMs: 200, limits: { upload } },
    { clock: shiftedClock(rig.shiftMs), log, reader },
  );
  edge.agent.setWhereabouts({ routeId: rig.data.devices[0]?.routeId ?? '' });
  let last: string | null = null;
  edge.agent.onAnswer((view, id) => {
    last = view.sign === 'accepted' ? id : null;
    if (last !== null) rig.greens.add(last);
  });
  const key = createPrivateKey(readFileSync(join(rig.dataFolder, 'secrets', 'issuer-key.pem')));
  return {
    edge,
    logs,
    async tap(n) {
      await reader.present(
        createVirtualCard({
          mediumKind: 'wallet',
          mediumId: createHash('sha256').update(`held card ${n}`).digest().subarray(0, 16),
          validFromS: 0,
          validUntilS: 0xffff_ffff,
          language: 'uk',
          issuer: { keyId: 'i001', privateKey: key },
        }),
      );
      if (last === null) throw new Error(`card ${n} was refused: ${logs.join('\n')}`);
      return last;
    },
    receipted: async () => {
      await until(() => edge.agent.health().journal.unreceipted === 0, {
        what: 'receipts for every record',
      });
    },
    stop: () => edge.stop(),
  };
}
