import { afterEach, describe, expect, it } from 'vitest';
import { createLogger } from '#platform/logger.ts';
import { createMetrics } from '#platform/metrics.ts';
import { type OpsServer, startOpsServer } from '#platform/ops-server.ts';
import type { Role } from '#platform/role.ts';

const log = createLogger({ component: 'test', level: 'silent' });
let server: OpsServer | undefined;

afterEach(async () => {
  await server?.stop();
  server = undefined;
});

/** A role with the given problems; figures of its own. */
function role(name: string, problems: () => Promise<readonly string[]>): Role {
  const metrics = createMetrics();
  metrics.counter(`kvytok_${name}_things_total`, 'Things.', () => 7);
  return { name, stop: async () => {}, vitals: { metrics, problems } };
}

async function serve(roles: () => readonly Role[], patienceMs?: number): Promise<string> {
  const limits = patienceMs === undefined ? {} : { patienceMs };
  server = await startOpsServer({ listen: '127.0.0.1:0', roles, log, ...limits });
  return server.url;
}

describe('the server of figures', () => {
  it('is alive whatever its roles say, and ready when all of them are', async () => {
    let trouble: readonly string[] = ['the database does not answer'];
    const url = await serve(() => [role('a', async () => trouble), role('b', async () => [])]);
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const sick = await fetch(`${url}/readyz`);
    expect(sick.status).toBe(503);
    expect(await sick.json()).toEqual({
      ready: false,
      roles: [
        { role: 'a', problems: ['the database does not answer'] },
        { role: 'b', problems: [] },
      ],
    });
    trouble = [];
    const well = await fetch(`${url}/readyz`);
    expect(well.status).toBe(200);
    expect(await well.json()).toMatchObject({ ready: true });
  });

  it('does not wait for ever for a role, and takes a failed question for a problem', async () => {
    const url = await serve(
      () => [
        role('mute', () => new Promise(() => {})),
        role('broken', async () => Promise.reject(new Error('no route'))),
      ],
      20,
    );
    const { roles } = (await (await fetch(`${url}/readyz`)).json()) as { roles: unknown };
    expect(roles).toEqual([
      { role: 'mute', problems: ['did not say how it is within 20 ms'] },
      { role: 'broken', problems: ['no route'] },
    ]);
  });

  it('gives the figures of the process and of every role that has some', async () => {
    const url = await serve(() => [role('a', async () => []), { name: 'plain', stop: async () => {} }]);
    const answer = await fetch(`${url}/metrics`);
    expect(answer.headers.get('content-type')).toContain('text/plain; version=0.0.4');
    const text = await answer.text();
    expect(text).toContain('# TYPE kvytok_a_things_total counter\nkvytok_a_things_total 7\n');
    expect(text).toMatch(/^process_cpu_seconds_total \d/m);
  });

  it('sees roles that start after it', async () => {
    const roles: Role[] = [];
    const url = await serve(() => roles);
    roles.push(role('late', async () => []));
    expect(await (await fetch(`${url}/metrics`)).text()).toContain('kvytok_late_things_total 7');
  });

  it.each([
    ['POST', '/metrics', 405],
    ['GET', '/', 404],
    ['GET', '/metrics/../../etc/passwd', 404],
    ['HEAD', '/healthz', 200],
  ])('answers %s %s with %d', async (method, path, status) => {
    const url = await serve(() => []);
    expect((await fetch(`${url}${path}`, { method })).status).toBe(status);
  });

  it('names a taken port and a wrong address', async () => {
    const url = await serve(() => []);
    const taken = url.replace('http://', '');
    await expect(startOpsServer({ listen: taken, roles: () => [], log })).rejects.toMatchObject({
      code: 'PORT_IN_USE',
    });
    await expect(startOpsServer({ listen: '203.0.113.1:0', roles: () => [], log })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
    });
  });

  it('ends open connections when it stops', async () => {
    const url = await serve(() => []);
    await fetch(`${url}/healthz`);
    await server?.stop();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });
});
