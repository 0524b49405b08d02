/** Who holds the money in the simulated city: the banks' acquirer and the payment provider, both sandboxes, both real servers. */
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { CityClock } from '#platform/city-clock.ts';
import type { Lifecycle } from '#platform/shutdown.ts';
import type { AcquirerConfig } from '../../fare-engine/config.ts';
import { accountOfCard } from '../../simulators/acquirer/open-sealed.ts';
import { startSandboxAcquirer } from '../../simulators/acquirer/sandbox.ts';
import { bankCardOrders } from '../../simulators/cards/emv/profiles.ts';
import { startSandboxProvider } from '../../simulators/payments/sandbox.ts';
import type { CityKeys } from './city-keys.ts';

export interface SandboxPlace {
  /** Their journals lie here. */
  readonly dataFolder: string;
  readonly clock: CityClock;
  readonly lifecycle: Lifecycle;
}

/** Banks of the simulated riders: every tenth card is empty at first, and has money when its debt is asked for again. */
const BANKS = { balanceMinor: 500_000n, emptyPermille: 100, paysLater: true };

export async function startAcquirer(
  { dataFolder, clock, lifecycle }: SandboxPlace,
  { keyId, privateKey }: CityKeys['acquirer'],
): Promise<AcquirerConfig> {
  const sandbox = await startSandboxAcquirer({
    keys: new Map([[keyId, privateKey]]),
    token: newToken(),
    nowMs: () => clock.nowMs(),
    journalFile: join(dataFolder, 'sandbox-acquirer.jsonl'),
    issuer: BANKS,
  });
  // One card to look at a debt with: `kvytok tap --medium bank --card maestro`.
  for (const { pan } of bankCardOrders('maestro'))
    sandbox.issuer.accountOf(accountOfCard(pan)).balanceMinor = 0n;
  lifecycle.add({ name: 'sandbox acquirer', stop: () => sandbox.stop() });
  return { url: sandbox.url, token: sandbox.token };
}

export interface Provider extends AcquirerConfig {
  /** Signs its calls to the portal. */
  readonly callKey: Buffer;
  callAt(portalUrl: string): void;
}

export async function startProvider({ dataFolder, clock, lifecycle }: SandboxPlace): Promise<Provider> {
  const callKey = randomBytes(32);
  const sandbox = await startSandboxProvider({
    token: newToken(),
    callKey,
    nowMs: () => clock.nowMs(),
    realMs: () => Date.now(),
    journalFile: join(dataFolder, 'sandbox-payments.jsonl'),
  });
  lifecycle.add({ name: 'sandbox payments', stop: () => sandbox.stop() });
  return {
    url: sandbox.url,
    token: sandbox.token,
    callKey,
    callAt: (portalUrl) => sandbox.setCallUrl(`${portalUrl}/payments/call`),
  };
}

function newToken(): string {
  return randomBytes(24).toString('base64url');
}
