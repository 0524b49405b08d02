/** A broker that is a server program, on a free port, with its own folder, followed by the product's own follower. */
import { join } from 'node:path';
import { createLogger } from '#platform/logger.ts';
import { startConfigFollower } from '../../../broker/adapters/config-follower.ts';
import type { BrokerCapabilities } from '../../../broker/capabilities.ts';
import type { ServerConfigGenerator } from '../../../broker/server-config.ts';
import { SERVER_LIMITS, type ServerLimits } from '../../../broker/server-limits.ts';
import { freePort } from '../../support/free-port.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { type TestClient, writeIdentities } from '../clients.ts';
import { makeCertificates } from './certificates.ts';
import { type ServerProcess, serverProcess } from './server-process.ts';
import { type BrokerUnderTest, bySecret, clientKit, PASSWORD_IMPOSTERS } from './under-test.ts';

export interface ServerKind {
  readonly name: string;
  readonly program: string;
  readonly args: (configFolder: string) => string[];
  readonly generate: ServerConfigGenerator;
  readonly pidFile: string;
  readonly capabilities: BrokerCapabilities;
  /** By certificate instead of by secret. */
  readonly tls: boolean;
}

export interface TestServer extends BrokerUnderTest, ServerProcess {
  readonly url: string;
  readonly port: number;
}

const log = createLogger({ component: 'test', level: 'silent' });

export async function startServer(
  clients: readonly TestClient[],
  kind: ServerKind,
  limits: Partial<ServerLimits> = {},
): Promise<TestServer> {
  const folder = tempFolder(kind.name);
  const identitiesPath = join(folder.path, 'identities.json');
  const certificates = kind.tls ? await makeCertificates(folder.path, clients) : undefined;
  const setClients = (now: readonly TestClient[]): void =>
    writeIdentities(identitiesPath, now, certificates?.serialOf);
  setClients(clients);
  const port = await freePort();
  const configFolder = join(folder.path, 'config');
  const follower = startConfigFollower({
    generate: kind.generate,
    input: {
      limits: { ...SERVER_LIMITS, ...limits },
      listen: { host: '127.0.0.1', port },
      folder: configFolder,
      ...(certificates ? { tls: certificates.files } : {}),
      ...(process.getuid?.() === 0 ? { user: 'root' } : {}),
    },
    identitiesPath,
    everyMs: 20,
    againMs: 1_000,
    pidFile: join(configFolder, kind.pidFile),
    log,
  });
  const server = serverProcess(kind.program, kind.args(configFolder), port);
  await server.restart();
  const url = `${kind.tls ? 'mqtts' : 'mqtt'}://127.0.0.1:${port}`;
  const credentials = certificates?.credentials ?? bySecret;
  const kit = clientKit(url, credentials);
  return {
    ...server,
    url,
    port,
    capabilities: kind.capabilities,
    connect: kit.connect,
    credentials,
    imposters: certificates?.imposters ?? PASSWORD_IMPOSTERS,
    setClients,
    endClients: kit.endAll,
    async stop() {
      await kit.endAll();
      await follower.stop();
      await server.kill();
      folder.remove();
    },
  };
}
