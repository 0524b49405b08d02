import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { checkLogin, type Identities, parseIdentities, stillStands } from '../../broker/identity.ts';

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const file = (clients: unknown): Buffer => Buffer.from(JSON.stringify({ v: 1, clients }));
const device = { clientId: 'val-1', role: 'device', secretSha256: sha256('one') };

function read(clients: unknown): Identities {
  const parsed = parseIdentities(file(clients));
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

describe('identities file', () => {
  it('reads clients of every role', () => {
    const clients = ['device', 'ingest', 'lists', 'monitor'].map((role, i) => ({
      ...device,
      clientId: `c-${i}`,
      role,
    }));
    expect(read(clients).size).toBe(4);
  });

  it.each([
    ['a client that stands twice', [device, device], 'stands twice'],
    ['a device called lists', [{ ...device, clientId: 'lists' }], 'lists'],
    ['an unknown role', [{ ...device, role: 'admin' }], '/clients/0/role'],
    ['a clear secret in place of its hash', [{ ...device, secretSha256: 'one' }], '/clients/0/secretSha256'],
    ['a name with a wildcard', [{ ...device, clientId: 'val-+' }], '/clients/0/clientId'],
    ['a mistyped field', [{ ...device, rolle: 'device' }], '/clients/0'],
  ])('refuses %s', (_name, clients, problem) => {
    const parsed = parseIdentities(file(clients));
    expect(parsed.ok).toBe(false);
    if (!parsed.ok) expect(JSON.stringify(parsed.problems)).toContain(problem);
  });

  it('refuses what is not JSON', () => expect(parseIdentities(Buffer.from('{')).ok).toBe(false));
});

describe('login', () => {
  const identities = read([device, { ...device, clientId: 'val-2', secretSha256: sha256('two') }]);
  const login = (clientId: string, username: string | undefined, password: string | undefined) =>
    checkLogin(identities, {
      clientId,
      username,
      password: password === undefined ? undefined : Buffer.from(password),
    });

  it('lets in who knows the secret of its own name', () =>
    expect(login('val-1', 'val-1', 'one')?.identity.clientId).toBe('val-1'));

  it.each([
    ['with another device’s secret', 'val-1', 'val-1', 'two'],
    ['as one client under the user name of another', 'val-1', 'val-2', 'one'],
    ['under another id with its own user name and secret', 'val-2', 'val-1', 'one'],
    ['without a user name', 'val-1', undefined, 'one'],
    ['without a password', 'val-1', 'val-1', undefined],
    ['with an empty password', 'val-1', 'val-1', ''],
    ['as somebody unknown', 'val-9', 'val-9', 'one'],
    ['as somebody unknown with the word that stands in for nobody', 'val-9', 'val-9', 'nobody'],
    ['as an inherited name', 'constructor', 'constructor', 'one'],
  ])('refuses a login %s', (_name, clientId, username, password) =>
    expect(login(clientId, username, password)).toBeUndefined(),
  );

  it('an identity stands until it is taken away, or its role or secret changes', () => {
    const proven = login('val-1', 'val-1', 'one');
    if (!proven) throw new Error('not let in');
    expect(stillStands(read([device]), proven)).toBe(true);
    expect(stillStands(read([]), proven)).toBe(false);
    expect(stillStands(read([{ ...device, role: 'monitor' }]), proven)).toBe(false);
    expect(stillStands(read([{ ...device, secretSha256: sha256('new') }]), proven)).toBe(false);
  });
});

describe('login by certificate', () => {
  const both = { ...device, certificates: ['4a01', '4a02'] };
  const { secretSha256: _none, ...only } = both;
  const identities = read([both, { ...only, clientId: 'val-2', certificates: ['4b01'] }]);
  const login = (clientId: string, name: string, serial: string, username?: string) =>
    checkLogin(identities, { clientId, username, password: undefined, certificate: { name, serial } });

  it.each(['4a01', '4a02'])(
    'lets in who holds certificate %s of its own name, without any secret',
    (serial) =>
      expect(login('val-1', 'val-1', serial)).toMatchObject({ identity: { clientId: 'val-1' }, serial }),
  );

  it.each([
    ['of another name', 'val-1', 'val-2', '4b01', undefined],
    ['of its own name with the number of another', 'val-1', 'val-1', '4b01', undefined],
    ['that does not stand in the file', 'val-1', 'val-1', '4a03', undefined],
    ['under the user name of another', 'val-1', 'val-1', '4a01', 'val-2'],
    ['as somebody unknown', 'val-9', 'val-9', '4a01', undefined],
  ])('refuses a certificate %s', (_name, clientId, name, serial, username) =>
    expect(login(clientId, name, serial, username)).toBeUndefined(),
  );

  it('a good secret does not help a bad certificate, and no secret lets in who has none', () => {
    const password = Buffer.from('one');
    const bad = { name: 'val-1', serial: '4a09' };
    const asked = { clientId: 'val-1', username: 'val-1', password };
    expect(checkLogin(identities, asked)).toBeDefined();
    expect(checkLogin(identities, { ...asked, certificate: bad })).toBeUndefined();
    const nothing = { clientId: 'val-2', username: 'val-2', password: Buffer.from('nobody') };
    expect(checkLogin(identities, nothing)).toBeUndefined();
    expect(checkLogin(identities, { ...nothing, password: undefined })).toBeUndefined();
  });

  it('stands as long as its own certificate does, whatever becomes of the others', () => {
    const proven = login('val-1', 'val-1', '4a01');
    if (!proven) throw new Error('not let in');
    expect(stillStands(read([{ ...only, certificates: ['4a01'] }]), proven)).toBe(true);
    expect(stillStands(read([{ ...both, certificates: ['4a02'] }]), proven)).toBe(false);
    expect(stillStands(read([device]), proven)).toBe(false);
  });
});
