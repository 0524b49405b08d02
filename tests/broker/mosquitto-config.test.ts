import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Identities, mosquittoHash, parseIdentities } from '../../broker/identity.ts';
import { mosquittoConfig } from '../../broker/mosquitto-config.ts';
import type { ServerConfigInput } from '../../broker/server-config.ts';
import { SERVER_LIMITS } from '../../broker/server-limits.ts';
import { tempFolder } from '../support/temp-folder.ts';
import { type TestClient, writeIdentities } from './clients.ts';

function identitiesOf(clients: readonly TestClient[]): Identities {
  const folder = tempFolder('identities');
  writeIdentities(join(folder.path, 'identities.json'), clients);
  const parsed = parseIdentities(readFileSync(join(folder.path, 'identities.json')));
  folder.remove();
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

/** Known by certificate, and by nothing else. */
function withCertificates(clients: readonly TestClient[]): Identities {
  const entries = clients.map((client) => ({ ...client, certificates: ['0a1b'] }));
  const parsed = parseIdentities(Buffer.from(JSON.stringify({ v: 1, clients: entries })));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

function generate(
  clients: readonly TestClient[],
  more: Partial<ServerConfigInput> = {},
): Record<string, string> {
  const made = mosquittoConfig({
    identities: identitiesOf(clients),
    limits: SERVER_LIMITS,
    listen: { host: '10.0.0.1', port: 1883 },
    folder: '/etc/mosquitto/kvytok',
    ...more,
  });
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  return Object.fromEntries(made.value.map(({ name, text }) => [name, text]));
}

describe('the configuration of mosquitto', () => {
  it('gives each client its own lines and never a pattern that holds for all', () => {
    const { access } = generate([
      { clientId: 'val-1', role: 'device' },
      { clientId: 'eye', role: 'monitor' },
    ]);
    expect(access?.split('\n').filter((line) => line !== '' && !line.startsWith('#'))).toEqual([
      'user val-1',
      'topic write kvytok/v1/val-1/taps',
      'topic write kvytok/v1/val-1/status',
      'topic write kvytok/v1/val-1/health',
      'topic read kvytok/v1/val-1/receipts',
      'topic read kvytok/v1/val-1/commands',
      'topic read kvytok/v1/lists/deny/#',
      'topic read kvytok/v1/lists/tariff/#',
      'user eye',
      'topic read kvytok/v1/+/status',
      'topic read kvytok/v1/+/health',
    ]);
  });

  it('holds every limit that stock settings lack, and asks for certificates when it has one', () => {
    const plain = generate([])['mosquitto.conf'] ?? '';
    for (const line of [
      'listener 1883 10.0.0.1',
      'allow_anonymous false',
      'max_inflight_messages 1000',
      'max_queued_messages 20000',
      `max_packet_size ${256 * 1024 + 1024}`,
      'use_username_as_clientid true',
    ]) {
      expect(plain.split('\n')).toContain(line);
    }
    expect(plain).not.toContain('require_certificate');
    const tls = { ca: '/tls/ca.pem', cert: '/tls/cert.pem', key: '/tls/key.pem' };
    const secured = (generate([], { tls })['mosquitto.conf'] ?? '').split('\n');
    for (const line of [
      'cafile /tls/ca.pem',
      'require_certificate true',
      'use_identity_as_username true',
      'tls_version tlsv1.3',
    ]) {
      expect(secured).toContain(line);
    }
    expect(secured.filter((line) => /^(crlfile|password_file)/.test(line))).toEqual([]);
    const listed = generate([], { tls: { ...tls, crl: '/tls/crl.pem' } })['mosquitto.conf'] ?? '';
    expect(listed.split('\n')).toContain('crlfile /tls/crl.pem');
  });

  it('by certificate it needs no secret and names no client without a certificate; by secret the other way round', () => {
    const certified = withCertificates([{ clientId: 'val-1', role: 'device' }]);
    const tls = { ca: '/tls/ca.pem', cert: '/tls/cert.pem', key: '/tls/key.pem' };
    const byCertificate = generate([], { identities: certified, tls });
    expect(Object.keys(byCertificate).sort()).toEqual(['access', 'mosquitto.conf']);
    expect(byCertificate['access']).toContain('user val-1\n');
    expect(generate([], { identities: certified })['access']).not.toContain('val-1');
    expect(generate([{ clientId: 'val-2', role: 'device' }], { tls })['access']).not.toContain('val-2');
  });

  it('says which client cannot be written', () => {
    const bare = parseIdentities(
      Buffer.from(
        JSON.stringify({
          v: 1,
          clients: [{ clientId: 'old-1', role: 'device', secretSha256: '0'.repeat(64) }],
        }),
      ),
    );
    if (!bare.ok) throw new Error('not parsed');
    const made = mosquittoConfig({
      identities: bare.value,
      limits: SERVER_LIMITS,
      listen: { host: '127.0.0.1', port: 1 },
      folder: '/x',
    });
    expect(made).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining('old-1') }] });
  });

  it('hashes a secret as mosquitto_passwd does', () => {
    const folder = tempFolder('passwd');
    const file = join(folder.path, 'passwords');
    writeFileSync(file, '');
    execFileSync('mosquitto_passwd', ['-b', file, 'val-1', 'a secret'], { stdio: 'ignore' });
    const [, theirs] = readFileSync(file, 'utf8').trim().split(':');
    folder.remove();
    const ours = mosquittoHash('a secret');
    const shape = (hash: string | undefined): number[] | undefined =>
      hash?.split('$').map((part) => part.length);
    expect(shape(ours)).toEqual(shape(theirs));
    expect(ours.split('$').slice(0, 3)).toEqual(theirs?.split('$').slice(0, 3));
    expect(mosquittoHash('a secret')).toBe(ours);
    expect(mosquittoHash('another secret')).not.toBe(ours);
  });
});
