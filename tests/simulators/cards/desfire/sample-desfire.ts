import type { DesfireMasterKeys, DesfireOrder } from '../../../../simulators/cards/desfire/issue-desfire.ts';
import { order as plainOrder } from '../sample-card.ts';

/** Master keys of a generation; each key has bytes of its own. */
export function masterKeys(generation: number): DesfireMasterKeys {
  const key = (n: number) => Buffer.alloc(16, generation * 16 + n);
  return { generation, picc: key(9), master: key(0), read: key(1), log: key(2), uid: key(3), hint: key(4) };
}

/** A social card on an EV2 in order, but for what a test changes. */
export function desfireOrder(changes: Partial<DesfireOrder> = {}): DesfireOrder {
  const { mediumId, validFromS, validUntilS, language, issuer } = plainOrder();
  return {
    model: 'EV2',
    uid: Buffer.from('04112233445566', 'hex'),
    kind: 'social',
    mediumId,
    validFromS,
    validUntilS,
    language,
    issuer,
    keys: masterKeys(1),
    ...changes,
  };
}
