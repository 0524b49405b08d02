/** A station's cards over PC/SC: the reader process does the work, orders and outcomes pass. */
import type { IssueStep } from '../issue/card-work.ts';
import type { BegunCard, CardLook, IssuingReader, IssuingVisit, Outcome, Refused } from '../issue/orders.ts';
import { createPcscHost, type PcscReaderOptions } from './pcsc-host.ts';
import type { FromReader, StationAnswer, StationCall } from './pcsc-messages.ts';

/** The process ended in the middle: what the card is now shows at its next presentation. */
const GONE: Refused = { ok: false, reason: 'ISSUE_CARD_GONE', detail: 'the reader process ended' };

/** A station's reader that survives its service. */
export function createPcscIssuingReader(options: PcscReaderOptions): IssuingReader {
  const host = createPcscHost(options);
  const waiting = new Map<number, (value: StationAnswer | undefined) => void>();
  let nextId = 1;
  let onStep: (step: IssueStep) => void = () => {};

  /** `undefined`: the process ended before it answered. */
  const call = <T extends StationAnswer>(what: StationCall): Promise<T | undefined> =>
    new Promise((resolve) => {
      const id = nextId++;
      waiting.set(id, resolve as (value: StationAnswer | undefined) => void);
      if (host.send({ kind: 'call', id, call: what })) return;
      waiting.delete(id);
      resolve(undefined);
    });
  const hear = (message: FromReader): void => {
    if (message.kind === 'step') onStep(message.step);
    if (message.kind !== 'returned') return;
    waiting.get(message.id)?.(message.value);
    waiting.delete(message.id);
  };
  const lost = (): void => {
    for (const resolve of waiting.values()) resolve(undefined);
    waiting.clear();
  };
  const work = async (name: 'finish' | 'rekey', told: (step: IssueStep) => void): Promise<Outcome> => {
    onStep = told;
    return (await call<Outcome>({ name })) ?? GONE;
  };
  const visit: IssuingVisit = {
    look: async () => (await call<CardLook>({ name: 'look' })) ?? GONE,
    begin: async (order) => {
      const begun = await call<BegunCard>({ name: 'begin', order });
      if (begun === undefined) throw new Error('the reader process ended before a card was begun');
      return begun;
    },
    finish: (told) => work('finish', told),
    rekey: (told) => work('rekey', told),
    wipe: async () => (await call<Outcome>({ name: 'wipe' })) ?? GONE,
  };
  return {
    start: (onCard) =>
      host.start({
        purpose: 'issue',
        offer: () => ({ run: () => onCard(visit), hear: () => {}, lost: () => {} }),
        hear,
        lost,
      }),
    stop: () => host.stop(),
    state: () => host.state(),
    begun: async () => (await call<readonly BegunCard[]>({ name: 'begun' })) ?? [],
    forget: async (tokenId) => {
      if ((await call<null>({ name: 'forget', tokenId })) === undefined)
        throw new Error('the reader process ended before a card was forgotten');
    },
  };
}
