/**
 * Asks the validators of a vehicle over its own network, sealed with the vehicle's key. A question is sent more than once,
 * because datagrams get lost; an answer counts once, and only to its own question. A validator that was heard in this
 * vehicle before, or of which another one knows, and that says nothing now is silent: that is its doubt, and so the
 * passenger's.
 */

import type { LiveKeys } from '../neighbours/network-keys.ts';
import { type AnswerMessage, openMessage, sealMessage } from '../neighbours/wire.ts';
import type { Timers } from '../ports.ts';
import type { AskVehicle, VehicleAnswer, VehicleQuestion } from './inspector.ts';
import type { ValidatorWord } from './judge.ts';

export interface AskVehicleDeps {
  readonly deviceId: string;
  /** Names this run: 128 random bits in hex. */
  readonly boot: string;
  /** Keys of a vehicle's network as they hold now. */
  readonly keys: (vehicleId: string) => LiveKeys;
  readonly timers: Pick<Timers, 'after' | 'nowMs'>;
  /** City time. */
  readonly nowMs: () => number;
  readonly random: (bytes: number) => Uint8Array;
  /** To every device on the vehicle's network; may lose it. */
  readonly send: (datagram: Uint8Array) => void;
  readonly onDatagram: (take: (datagram: Uint8Array) => void) => void;
}

/** Real milliseconds from a question to the judgement: reading the card and this fit into a second. */
const ANSWER_MS_MAX = 400;
/**
 * A device that was held up has not listened meanwhile, and must not take its own deafness for a validator's silence. Later
 * than this it asks and listens once more, so often at most.
 */
const LATE_MS_MAX = 100;
const LISTENS_MAX = 5;
/** When the question is repeated, real milliseconds after it was asked. */
const AGAIN_MS = [80, 200];
/** Validators of one vehicle whose answers are taken: all of an articulated tram's. */
const VALIDATORS_MAX = 16;
/** Of which it is remembered that they are there. */
const HEARD_MAX = 32;

interface Asked {
  readonly question: string;
  readonly keys: LiveKeys;
  readonly words: Map<string, AnswerMessage>;
}

/** Makes it; one question at a time. */
export function createAskVehicle(deps: AskVehicleDeps): AskVehicle {
  const { deviceId, boot, timers, nowMs, random, send } = deps;
  let n = 0;
  let asked: Asked | undefined;
  let vehicle: { readonly id: string; readonly heard: Set<string> } = { id: '', heard: new Set() };

  deps.onDatagram((datagram) => {
    const message = asked && openMessage(datagram, asked.keys.accepted)?.message;
    if (!asked || message?.kind !== 'answer' || message.question !== asked.question) return;
    if (asked.words.size < VALIDATORS_MAX || asked.words.has(message.from))
      asked.words.set(message.from, message);
  });

  return async ({ vehicleId, tokenIds, sinceMs }: VehicleQuestion): Promise<VehicleAnswer> => {
    if (vehicle.id !== vehicleId) vehicle = { id: vehicleId, heard: new Set() };
    const keys = deps.keys(vehicleId);
    const question = hexOf(random(16));
    const sinceAgeMs = Math.max(0, Math.trunc(nowMs() - sinceMs));
    // Whoever has no card is asked for by a token that nobody has.
    const tokens = tokenIds.length > 0 ? [...tokenIds] : [`k0.${hexOf(random(16))}`];
    const ask = () => {
      const head = { v: 1, from: deviceId, boot, n: n++, sentMs: Math.round(timers.nowMs()) } as const;
      const message = { ...head, kind: 'ask', question, tokenIds: tokens, sinceAgeMs } as const;
      send(sealMessage(message, keys.sealing, random(12)));
    };
    const words = new Map<string, AnswerMessage>();
    await new Promise<void>((settle) => {
      asked = { question, keys, words };
      for (const afterMs of AGAIN_MS) timers.after(afterMs, ask);
      // The whole time, whoever has answered: nobody knows who else is there, and a ride at a slow door is a ride.
      const listen = (listens: number): void => {
        const dueMs = timers.nowMs() + ANSWER_MS_MAX;
        timers.after(ANSWER_MS_MAX, () => {
          const wasHeldUp = timers.nowMs() - dueMs > LATE_MS_MAX;
          if (wasHeldUp && listens < LISTENS_MAX) listen(listens + 1);
          else settle();
        });
        ask();
      };
      listen(1);
    });
    asked = undefined;
    for (const { from, peers = [] } of words.values())
      for (const id of [from, ...peers])
        if (vehicle.heard.size < HEARD_MAX && id !== deviceId) vehicle.heard.add(id);
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
    ...(ride && {
      ride: {
        atMs: nowMs - ride.ageMs,
        seq: ride.seq,
        companions: ride.companions,
        ...(ride.bags !== undefined && { bags: ride.bags }),
        ...(ride.deviceId !== undefined && { deviceId: ride.deviceId }),
      },
    }),
  };
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
