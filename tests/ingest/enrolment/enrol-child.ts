/**
 * Enrols or renews a device folder in a process of its own, and dies by SIGKILL at a named point.
 * Called as `node enrol-child.ts JSON POINT`, JSON = {@link EnrolChildOrder}; prints `done` when nothing struck.
 */
import { createLogger } from '#platform/logger.ts';
import type { Probe } from '#platform/probe.ts';
import { holdIdentity } from '../../../edge-agent/adapters/device-identity.ts';
import { enrolDeviceFolder } from '../../../edge-agent/adapters/enrol-device.ts';
import { loadDevice } from '../../../edge-agent/adapters/load-device.ts';

export type EnrolChildOrder =
  | {
      readonly do: 'enrol';
      readonly url: string;
      readonly code: string;
      readonly caSha256: string;
      readonly deviceDir: string;
    }
  | { readonly do: 'renew'; readonly deviceDir: string };

const [text, strikeAt] = process.argv.slice(2) as [string, string];
const order = JSON.parse(text) as EnrolChildOrder;
const probe: Probe = async (point) => {
  if (point === strikeAt) process.kill(process.pid, 'SIGKILL');
};
if (order.do === 'enrol') await enrolDeviceFolder({ ...order, probe });
else {
  const log = createLogger({ component: 'test', level: 'error' });
  const outcome = await holdIdentity(loadDevice(order.deviceDir), {
    deviceDir: order.deviceDir,
    log,
    probe,
  }).renew();
  if (outcome !== 'renewed') throw new Error(outcome);
}
process.stdout.write('done\n');
