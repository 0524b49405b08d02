/** Ingest in a process of its own, from its environment, with a probe that may end it. Says `ready` when it listens. */
import { flushCompileCache } from 'node:module';
import { readEnvironment } from '#platform/config.ts';
import { createLogger } from '#platform/logger.ts';
import { IngestEnvironment, ingestConfig } from '../../ingest/config.ts';
import { startIngest } from '../../ingest/main.ts';
import { killProbe } from '../../simulators/faults/kill-probe.ts';
import { manualClock } from '../support/manual-clock.ts';
import { NOW_MS } from './journal.ts';

const config = ingestConfig(readEnvironment(IngestEnvironment, process.env));
const log = createLogger({ component: 'ingest', level: 'warn', pretty: false });
// Small groups, so that a few batches pass each point several times.
const limits = { groupBatchesMax: 2, lingerMs: 5 };
const role = await startIngest(
  { ...config, limits },
  { clock: manualClock(NOW_MS), log, probe: killProbe(process.argv[2]) },
);
process.once('SIGTERM', () => void role.stop().then(() => process.exit(0)));
// Whoever is killed leaves no compiled code behind for the next; what is there now is kept.
flushCompileCache();
await role.ready();
process.stdout.write('ready\n');
