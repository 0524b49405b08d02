/** A real nats-server with its MQTT gateway, configured by the product's own generator. */
import { CAPABILITIES } from '../../../broker/capabilities.ts';
import { NATS_PID_FILE, natsConfig } from '../../../broker/nats-config.ts';
import type { TestClient } from '../clients.ts';
import { startServer, type TestServer } from './server.ts';

export function startNats(clients: readonly TestClient[]): Promise<TestServer> {
  return startServer(clients, {
    name: 'nats',
    program: 'nats-server',
    args: (folder) => ['-c', `${folder}/nats.conf`],
    generate: natsConfig,
    pidFile: NATS_PID_FILE,
    capabilities: CAPABILITIES.nats,
    tls: true,
  });
}
