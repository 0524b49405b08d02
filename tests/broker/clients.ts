/** Clients of the tests, whose secrets follow from their names. */
import { createHash } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';
import { type BrokerRole, mosquittoHash } from '../../broker/identity.ts';

export interface TestClient {
  readonly clientId: string;
  readonly role: BrokerRole;
}

export const secretOf = (clientId: string): string => `the-secret-of-${clientId}`;

/**
 * Writes an identities file as enrolment does: aside, then renamed. With numbers of certificates, clients are known by
 * these and by no secret.
 */
export function writeIdentities(
  path: string,
  clients: readonly TestClient[],
  serialOf?: (clientId: string) => string,
): void {
  const entries = clients.map(({ clientId, role }) => {
    if (serialOf) return { clientId, role, certificates: [serialOf(clientId)] };
    const secret = secretOf(clientId);
    const secretSha256 = createHash('sha256').update(secret).digest('hex');
    return { clientId, role, secretSha256, secretPbkdf2: mosquittoHash(secret) };
  });
  writeFileSync(`${path}.new`, JSON.stringify({ v: 1, clients: entries }));
  renameSync(`${path}.new`, path);
}
