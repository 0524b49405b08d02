/** A real agent on a device folder of the rig, with cards held to it. */
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { noProbe, type Probe } from '#platform/probe.ts';
import { createInProcessCardReader } from '../../../edge-agent/adapters/in-process-card-reader.ts';
import { AGENT_LIMITS } from '../../../edge-agent/agent-limits.ts';
import { type EdgeRole, startEdge } from '../../../edge-agent/main.ts';
import { createVirtualCard } from '../../../simulators/cards/virtual-card.ts';
import { until } from '../../support/until.ts';
import type { EnrolmentRig } from './rig.ts';

export interface RunningAgent {
  readonly edge: EdgeRole;
  readonly lines: string[];
  /** Holds a card to it; gives the record. */
  tap(number: number): Promise<string>;
  /** Waits until the city holds everything. */
  delivered(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts it. */
export async function runAgent(
  rig: Pick<EnrolmentRig, 'keys'>,
  deviceDir: string,
  probe: Probe = noProbe,
): Promise<RunningAgent> {
  const reader = createInProcessCardReader(deviceDir);
  const lines: string[] = [];
  const log = createLogger({ component: 'edge', level: 'debug', write: (line) => void lines.push(line) });
  const edge = await startEdge(
    {
      deviceDir,
      healthIntervalMs: 200,
      limits: { upload: { ...AGENT_LIMITS.upload, receiptTimeoutMs: 1500, pauseMs: 100, pauseMsMax: 1000 } },
    },
    { clock: systemClock, log, reader, probe },
  );
  const answers: (string | null)[] = [];
  edge.agent.onAnswer((view, id) => answers.push(view.sign === 'accepted' ? id : null));
  return {
    edge,
    lines,
    tap: async (number) => {
      const mediumId = Buffer.alloc(16);
      mediumId.writeUInt32BE(number, 12);
      await reader.present(
        createVirtualCard({
          mediumKind: 'social',
          mediumId,
          validFromS: 0,
          validUntilS: 0xffff_ffff,
          language: 'uk',
          issuer: { keyId: 'i001', privateKey: rig.keys.issuer },
        }),
      );
      const id = answers.at(-1);
      if (!id) throw new Error('the card was not accepted');
      return id;
    },
    delivered: async () => {
      await until(() => edge.agent.health().journal.unreceipted === 0, { what: 'receipts for everything' });
    },
    stop: () => edge.stop(),
  };
}
