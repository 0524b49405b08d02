import { describe, expect, it } from 'vitest';
import { emqxConfig } from '../../broker/emqx-config.ts';
import { parseIdentities } from '../../broker/identity.ts';
import { natsConfig } from '../../broker/nats-config.ts';
import type { ServerConfig, ServerConfigInput } from '../../broker/server-config.ts';
import { SERVER_LIMITS } from '../../broker/server-limits.ts';

const TLS = { ca: '/tls/ca.pem', cert: '/tls/cert.pem', key: '/tls/key.pem' };

function input(more: Partial<ServerConfigInput> = {}): ServerConfigInput {
  const clients = [
    { clientId: 'val-1', role: 'device', secretSha256: 'ab'.repeat(32), certificates: ['0a'] },
    { clientId: 'val-2', role: 'device', certificates: ['0b'] },
    { clientId: 'eye', role: 'monitor', secretSha256: 'cd'.repeat(32), certificates: ['0c'] },
    { clientId: 'gone', role: 'device', certificates: [] },
  ];
  const parsed = parseIdentities(Buffer.from(JSON.stringify({ v: 1, clients })));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const listen = { host: '10.0.0.1', port: 1883 };
  return { identities: parsed.value, limits: SERVER_LIMITS, listen, folder: '/etc/kvytok', ...more };
}

function filesOf(made: ServerConfig): Record<string, string> {
  if (!made.ok) throw new Error(JSON.stringify(made.problems));
  return Object.fromEntries(made.value.map(({ name, text }) => [name, text]));
}

describe('the configuration of NATS', () => {
  it('names each client by its certificate, with every subject it has and an explicit no where it has none', () => {
    const text = filesOf(natsConfig(input({ tls: TLS })))['nats.conf'] ?? '';
    expect(text).toContain('user: "CN=val-1"');
    expect(text).toContain(
      'publish: { allow: ["kvytok.v1.val-1.taps", "kvytok.v1.val-1.status", "kvytok.v1.val-1.health"] }',
    );
    expect(text).toContain('"kvytok.v1.lists.deny", "kvytok.v1.lists.deny.>"');
    expect(text).toContain('publish: { deny: ">" }'); // the monitor
    expect(text).not.toContain('CN=gone');
    expect(text).toContain(`max_ack_pending: ${SERVER_LIMITS.inflightMax}`);
  });

  it('is refused without certificates: there would be nothing to know a client by', () => {
    expect(natsConfig(input())).toMatchObject({ ok: false, problems: [{ path: '/tls' }] });
  });
});

describe('the configuration of EMQX', () => {
  it('by secret: hashes as enrolment has them, filters compared as texts, everything else denied', () => {
    const files = filesOf(emqxConfig(input()));
    expect(files['users.csv']?.split('\n')).toEqual([
      'user_id,password_hash,salt,is_superuser',
      `val-1,${'ab'.repeat(32)},,false`,
      `eye,${'cd'.repeat(32)},,false`,
      '',
    ]);
    const rules = (files['acl.conf'] ?? '')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('%%'));
    expect(rules).toContain(
      '{allow, {username, "val-1"}, {publish, [{qos, [0, 1]}, {retain, false}]}, ["kvytok/v1/val-1/taps"]}.',
    );
    expect(rules).toContain(
      '{allow, {username, "eye"}, subscribe, [{eq, "kvytok/v1/+/status"}, {eq, "kvytok/v1/+/health"}]}.',
    );
    expect(rules.at(-1)).toBe('{deny, all}.');
    expect(files['kvytok.hocon']).toContain('bind = "10.0.0.1:1883"');
    expect(files['kvytok.hocon']).toContain('bind = "10.0.0.1:1884"');
    expect(files['kvytok.hocon']).toContain('no_match = deny');
  });

  it('by certificate: no users, rules for those who have one', () => {
    const files = filesOf(emqxConfig(input({ tls: TLS })));
    expect(Object.keys(files).sort()).toEqual(['acl.conf', 'kvytok.hocon']);
    expect(files['acl.conf']).toContain('"val-2"');
    expect(files['acl.conf']).not.toContain('"gone"');
    expect(files['kvytok.hocon']).toContain('peer_cert_as_username = cn');
  });

  it('needs the port after its own for the services', () => {
    const made = emqxConfig(input({ listen: { host: '127.0.0.1', port: 65_535 } }));
    expect(made).toMatchObject({ ok: false });
  });
});
