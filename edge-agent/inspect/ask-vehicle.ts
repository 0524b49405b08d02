/**
 * Asks the validators of a vehicle over its own network, sealed with the vehicle's key. A question is sent more than once,
 * because datagrams get lost; an answer counts once, and only to its own question. A validator that was heard in this
 * vehicle before and says nothing now is silent: that is its doubt, and so the passenger's.
 */

import { type AnswerMessage, openMessage, sealMessage, vehicleKeyOf } from '../neighbours/wire.ts';
import type { Timers } from '../ports.ts';
import type { AskVehicle, VehicleAnswer, VehicleQuestion } from './inspector.ts';
import type { ValidatorWord } from './judge.ts';

export interface AskVehicleDeps {
  readonly deviceId: string;
  /** Names this run: 128 random bits in hex. */
  readonly boot: string;
  readonly inspectionKey: Uint8Array;
  readonly timers: Pick<Timers, 'after'>;
  /** City time. */
  readonly nowMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** To every device on the vehicle's network; may lose it. */
  readonly send: (datagram: Uint8Array) => void;
  readonly onDatagram: (take: (datagram: Uint8Array) => void) => void;
}

/** Real milliseconds from a question to the judgement: reading the card and this fit into a second. */
const ANSWER_MS_MAX = 400;
/** When the question is repeated, real milliseconds after it was asked. */
const AGAIN_MS = [80, 200];
/** Validators of one vehicle that are remembered. */
const VALIDATORS_MAX = 8;

interface Asked {
  readonly question: string;
  readonly key: Uint8Array;
  readonly words: Map<string, AnswerMessage>;
}

/** Makes it; one question at a time. */
export function createAskVehicle(deps: AskVehicleDeps): AskVehicle {
  const { deviceId, boot, inspectionKey, timers, nowMs, random, send } = deps;
  let n = 0;
  let asked: Asked | undefined;
  let vehicle: { readonly id: string; readonly heard: Set<string> } = { id: '', heard: new Set() };

  deps.onDatagram((datagram) => {
    const message = asked && openMessage(datagram, asked.key);
    if (!asked || message?.kind !== 'answer' || message.question !== asked.question) return;
    if (asked.words.size < VALIDATORS_MAX || asked.words.has(message.from))
      asked.words.set(message.from, message);
  });

  return async ({ vehicleId, tokenIds, sinceMs }: VehicleQuestion): Promise<VehicleAnswer> => {
    if (vehicle.id !== vehicleId) vehicle = { id: vehicleId, heard: new Set() };
    const key = vehicleKeyOf(inspectionKey, vehicleId);
    const question = hexOf(random(16));
    const sinceAgeMs = Math.max(0, Math.trunc(nowMs() - sinceMs));
    // Whoever has no card is asked for by a token that nobody has.
    const tokens = tokenIds.length > 0 ? [...tokenIds] : [`k0.${hexOf(random(16))}`];
    const ask = () =>
      send(
        sealMessage(
          { v: 1, from: deviceId, boot, n: n++, kind: 'ask', question, tokenIds: tokens, sinceAgeMs },
          key,
          random(12),
        ),
      );
    const words = new Map<string, AnswerMessage>();
    await new Promise<void>((settle) => {
      asked = { question, key, words };
      for (const afterMs of AGAIN_MS) timers.after(afterMs, ask);
      // The whole time, whoever has answered: nobody knows who else is there, and a ride at a slow door is a ride.
      timers.after(ANSWER_MS_MAX, settle);
      ask();
    });
    asked = undefined;
    for (const from of words.keys()) vehicle.heard.add(from);
    const silent = [...vehicle.heard].filter((known) => !words.has(known));
    return { validators: [...words.values()].map((word) => wordOf(word, sinceAgeMs, nowMs())), silent };
  };
}

/** What a validator's answer means for the window. One that remembers less than all of it was not in order in all of it. */
function wordOf(answer: AnswerMessage, sinceAgeMs: number, nowMs: number): ValidatorWord {
  const { from, rides, outOfOrder, knowsSinceAgeMs } = answer;
  const inWindow = outOfOrder.some(({ untilAgeMs }) => untilAgeMs === null || untilAgeMs <= sinceAgeMs);
  const [ride] = rides;
  return {
    deviceId: from,
    inOrder: !inWindow && knowsSinceAgeMs >= sinceAgeMs,
    ...(ride && { ride: { atMs: nowMs - ride.ageMs, seq: ride.seq, companions: ride.companions } }),
  };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
