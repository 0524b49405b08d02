/** The city's time is asked for with a nonce, and told by a signed command. */
import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { sealEnvelope } from '#contracts/signed-envelope.ts';
import { cardNumber, type Rig, startRig } from './support/agent-rig.ts';
import { createTestCity } from './support/edge-city.ts';

function tell(rig: Rig, nonce: string | undefined, cityMs: number, more: object = {}, city = rig.city): void {
  const command = {
    v: 1,
    commandId: randomUUID(),
    deviceId: 'val-1',
    issuedAtMs: cityMs,
    expiresAtMs: cityMs + 1000,
    kind: 'tell-time',
    nonce,
    cityMs,
    ...more,
  };
  rig.command(sealEnvelope('command', command, city.ingest));
}

const question = (rig: Rig): string => rig.healths.at(-1)?.timeNonce as string;
const syncAge = (rig: Rig): number | null => rig.agent.health().clock.syncAgeMs;

describe('the exchange of time', () => {
  it('begins with the connection: the first tap is synced before any receipt', async () => {
    const rig = await startRig({ connected: true });
    const wallMs = rig.clock.nowMs();
    expect(question(rig)).toMatch(/^[0-9a-f]{32}$/);
    rig.clock.advance(100);
    rig.timers.advance(100);
    tell(rig, question(rig), wallMs - 150_000);
    await rig.touch(cardNumber(1));
    const [sync, tap] = rig.records().slice(-2);
    expect(sync).toMatchObject({ kind: 'clock-sync', body: { serverMs: wallMs - 150_000, rttMs: 100 } });
    expect(tap?.at).toMatchObject({ wallMs: wallMs + 100, sync: { serverMs: wallMs - 150_000, rttMs: 100 } });
  });

  it('is heard whatever the wall clock says, also where it is after the end of the command', async () => {
    const rig = await startRig({ connected: true });
    const cityMs = rig.clock.nowMs();
    rig.clock.setWall(cityMs + 86_400_000);
    tell(rig, question(rig), cityMs);
    expect(rig.agent.health()).toMatchObject({ atMs: cityMs, clock: { offsetMs: -86_400_000 } });
  });

  it('an answer as slow as the bound sets the clock, one a millisecond slower does not', async () => {
    for (const [rttMs, age] of [
      [2000, 1000],
      [2001, null],
    ] as const) {
      const rig = await startRig({ connected: true, limits: { syncRoundTripMsMax: 2000 } });
      rig.clock.advance(rttMs);
      rig.timers.advance(rttMs);
      tell(rig, question(rig), rig.clock.nowMs());
      expect(syncAge(rig)).toBe(age);
    }
  });

  it('an answer to another question, to another device, of another city, or given twice does nothing', async () => {
    const rig = await startRig({ connected: true });
    const cityMs = rig.clock.nowMs() + 5000;
    tell(rig, '0'.repeat(32), cityMs);
    tell(rig, question(rig), cityMs, { deviceId: 'val-2' });
    tell(rig, question(rig), cityMs, {}, createTestCity());
    expect(syncAge(rig)).toBeNull();
    tell(rig, question(rig), cityMs);
    expect(rig.agent.health().atMs).toBe(cityMs);
    tell(rig, question(rig), cityMs + 60_000);
    expect(rig.agent.health().atMs).toBe(cityMs);
    expect(rig.agent.counters()).toMatchObject({ commands: 1, commandsRefused: 4 });
  });

  it('is asked for with every report until answered, and again after its interval, not before', async () => {
    const rig = await startRig({
      connected: true,
      limits: { healthIntervalMs: 1000, timeAskEveryMs: 5000 },
    });
    rig.timers.advance(1000);
    expect(new Set(rig.healths.map((health) => health.timeNonce)).size).toBe(2);
    tell(rig, question(rig), rig.clock.nowMs());
    rig.healths.length = 0;
    for (let second = 0; second < 5; second++) rig.timers.advance(1000);
    expect(rig.healths.map((health) => health.timeNonce !== undefined)).toEqual([
      false,
      false,
      false,
      false,
      true,
    ]);
  });
});
