/**
 * One validator as a process of its own, for tests that kill it. Arguments: device folder, broker, city keys file,
 * then a JSON plan {cards: number[], kill?: {point, count}, drain?: boolean}. Each answer is one line on stdout.
 */
import { createPrivateKey } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { systemClock } from '#platform/clock.ts';
import { createLogger } from '#platform/logger.ts';
import { createInProcessCardReader } from '../../../edge-agent/adapters/in-process-card-reader.ts';
import { startEdge } from '../../../edge-agent/main.ts';
import { until } from '../../support/until.ts';
import { cardOf, type TestCity } from './edge-city.ts';

const [deviceDir, mqttUrl, issuerFile, planText] = process.argv.slice(2) as [string, string, string, string];
const plan = JSON.parse(planText) as {
  cards: number[];
  kill?: { point: string; count: number };
  drain?: boolean;
};
const issuer = { keyId: 'i001', privateKey: createPrivateKey(readFileSync(issuerFile)) };

let seen = 0;
const probe = (point: string): void => {
  if (point !== plan.kill?.point) return;
  seen += 1;
  if (seen >= plan.kill.count) process.kill(process.pid, 'SIGKILL');
};

const reader = createInProcessCardReader(deviceDir);
const edge = await startEdge(
  { deviceDir, mqttUrl, screenPort: null },
  {
    clock: systemClock,
    log: createLogger({ component: 'edge', level: 'error' }),
    probe,
    reader,
  },
);
edge.agent.onAnswer((view, recordId) => {
  writeSync(1, `${JSON.stringify({ sign: view.sign, repeated: view.repeated === true, recordId })}\n`);
});
for (const number of plan.cards) await reader.present(cardOf({ issuer } as TestCity, number));
if (plan.drain || plan.kill?.point === 'edge.before-free') {
  await until(() => edge.agent.health().journal.unreceipted === 0, { what: 'every record to be receipted' });
}
await edge.stop();
