/**
 * Tells devices the city's time: a health message that asks is answered at once with a signed command. Nothing waits
 * for it and nothing is kept; a question that finds no room is asked again with a later health message.
 */
import { randomUUID } from 'node:crypto';
import type { DeviceCommand } from '#contracts/command.ts';
import type { DeviceHealth } from '#contracts/device-report.ts';
import { type CitySigner, sealEnvelope } from '#contracts/signed-envelope.ts';
import { deviceTopic } from '#contracts/topics.ts';
import type { Clock } from '#platform/clock.ts';

export interface TimeTellerOptions {
  readonly clock: Clock;
  readonly signer: CitySigner;
  readonly publish: (topic: string, payload: Uint8Array) => Promise<void>;
}

export interface TimeTeller {
  /** Answers if the report asks; never rejects. */
  answer(health: DeviceHealth): void;
}

/** Answers on their way at most: a slow broker must not pile them up, and an answer that waits is no use. */
const SENDING_MAX = 256;
/** The form of a command wants an end; devices judge this one by their own question instead. */
const VALID_MS = 60_000;

/** Makes a teller. */
export function createTimeTeller({ clock, signer, publish }: TimeTellerOptions): TimeTeller {
  let sending = 0;
  return {
    answer({ deviceId, timeNonce }) {
      if (timeNonce === undefined || sending >= SENDING_MAX) return;
      const cityMs = clock.nowMs();
      const command: DeviceCommand = {
        v: 1,
        commandId: randomUUID(),
        deviceId,
        issuedAtMs: cityMs,
        expiresAtMs: cityMs + VALID_MS,
        kind: 'tell-time',
        nonce: timeNonce,
        cityMs,
      };
      sending += 1;
      publish(deviceTopic(deviceId, 'commands'), sealEnvelope('command', command, signer))
        .catch(() => {}) // No connection: the device asks again.
        .finally(() => {
          sending -= 1;
        });
    },
  };
}
