/** The embedded broker as the shared suite needs it. */
import { CAPABILITIES } from '../../../broker/capabilities.ts';
import type { BrokerLimits } from '../../../broker/config.ts';
import { type TestClient, writeIdentities } from '../clients.ts';
import { startTestBroker } from '../harness.ts';
import { type BrokerUnderTest, bySecret, PASSWORD_IMPOSTERS } from './under-test.ts';

export async function startEmbedded(
  clients: readonly TestClient[],
  limits: Partial<BrokerLimits> = {},
): Promise<BrokerUnderTest> {
  const city = await startTestBroker(clients, { identitiesEveryMs: 20, ...limits });
  return {
    capabilities: CAPABILITIES.embedded,
    connect: city.connect,
    endClients: city.endClients,
    credentials: bySecret,
    imposters: PASSWORD_IMPOSTERS,
    setClients: (now) => writeIdentities(city.identitiesPath, now),
    stop: city.stop,
  };
}
