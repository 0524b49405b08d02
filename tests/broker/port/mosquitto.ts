/** A real mosquitto, configured by the product's own generator: clients by secret, or by certificate. */
import { CAPABILITIES } from '../../../broker/capabilities.ts';
import { MOSQUITTO_PID_FILE, mosquittoConfig } from '../../../broker/mosquitto-config.ts';
import type { ServerLimits } from '../../../broker/server-limits.ts';
import type { TestClient } from '../clients.ts';
import { type ServerKind, startServer, type TestServer } from './server.ts';

const MOSQUITTO: ServerKind = {
  name: 'mosquitto',
  program: 'mosquitto',
  args: (folder) => ['-c', `${folder}/mosquitto.conf`],
  generate: mosquittoConfig,
  pidFile: MOSQUITTO_PID_FILE,
  capabilities: CAPABILITIES.mosquitto,
  tls: false,
};

export function startMosquitto(
  clients: readonly TestClient[],
  limits: Partial<ServerLimits> = {},
): Promise<TestServer> {
  return startServer(clients, MOSQUITTO, limits);
}

export function startMosquittoTls(clients: readonly TestClient[]): Promise<TestServer> {
  return startServer(clients, { ...MOSQUITTO, capabilities: CAPABILITIES['mosquitto-tls'], tls: true });
}
