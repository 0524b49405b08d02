/** A real mosquitto on a free port, configured by the product's own generator, in a folder of its own. */
import { join } from 'node:path';
import { createLogger } from '#platform/logger.ts';
import { startConfigFollower } from '../../../broker/adapters/config-follower.ts';
import { CAPABILITIES } from '../../../broker/capabilities.ts';
import { MOSQUITTO_PID_FILE, mosquittoConfig } from '../../../broker/mosquitto-config.ts';
import { SERVER_LIMITS, type ServerLimits } from '../../../broker/server-limits.ts';
import { freePort } from '../../support/free-port.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { type TestClient, writeIdentities } from '../clients.ts';
import { type ServerProcess, serverProcess } from './server-process.ts';
import { type BrokerUnderTest, clientKit, PASSWORD_IMPOSTERS } from './under-test.ts';

export interface TestServer extends BrokerUnderTest, ServerProcess {
  readonly url: string;
  readonly port: number;
}

const log = createLogger({ component: 'test', level: 'silent' });

export async function startMosquitto(
  clients: readonly TestClient[],
  limits: Partial<ServerLimits> = {},
): Promise<TestServer> {
  const folder = tempFolder('mosquitto');
  const identitiesPath = join(folder.path, 'identities.json');
  writeIdentities(identitiesPath, clients);
  const port = await freePort();
  const configFolder = join(folder.path, 'config');
  const follower = startConfigFollower({
    generate: mosquittoConfig,
    input: {
      limits: { ...SERVER_LIMITS, ...limits },
      listen: { host: '127.0.0.1', port },
      folder: configFolder,
      ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    },
    identitiesPath,
    everyMs: 20,
    againMs: 1_000,
    pidFile: join(configFolder, MOSQUITTO_PID_FILE),
    log,
  });
  const server = serverProcess('mosquitto', ['-c', join(configFolder, 'mosquitto.conf')], port);
  await server.restart();
  const url = `mqtt://127.0.0.1:${port}`;
  const kit = clientKit(url);
  return {
    ...server,
    url,
    port,
    capabilities: CAPABILITIES.mosquitto,
    connect: kit.connect,
    imposters: PASSWORD_IMPOSTERS,
    setClients: (now) => writeIdentities(identitiesPath, now),
    async stop() {
      await kit.endAll();
      await follower.stop();
      await server.kill();
      folder.remove();
    },
  };
}
