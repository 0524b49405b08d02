/** The bank cards through the real PC/SC stack: card, vpcd, pcscd, binding. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BankCardKind, bankCard } from '../../../../simulators/cards/emv/profiles.ts';
import { TEST_AUTHORITIES } from '../../../../simulators/cards/emv/test-ca.ts';
import { type PrivatePcscd, startPrivatePcscd } from '../../../../simulators/cards/pcscd.ts';
import { insertIntoVpcd } from '../../../../simulators/cards/vpcd-card.ts';
import { skipWithoutPcsc } from '../../../support/pcsc-here.ts';
import { until } from '../../../support/until.ts';
import { dynamicHolds, openChain, TERMINAL, type Transaction, transact } from './terminal.ts';

const SOCKET = 'PCSCLITE_CSOCK_NAME';

describe.skipIf(skipWithoutPcsc('Bank cards over PC/SC'))('bank cards over pcscd and vpcd', () => {
  let pcscd: PrivatePcscd;
  const socketBefore = process.env[SOCKET];
  beforeAll(async () => {
    pcscd = await startPrivatePcscd();
    process.env[SOCKET] = pcscd.socketPath;
  });
  afterAll(async () => {
    if (socketBefore === undefined) delete process.env[SOCKET];
    else process.env[SOCKET] = socketBefore;
    await pcscd.stop();
  });

  /** One transaction with a card that is laid onto the reader and taken away again. */
  async function tap(kind: BankCardKind): Promise<Transaction> {
    const { Context, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1 } = await import('smartcard');
    const lying = await insertIntoVpcd({ port: pcscd.vpcdPort, card: bankCard(kind) });
    const context = new Context();
    try {
      const connected = await until(
        () => context.listReaders()[0]?.connect(SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1),
        { what: 'the card on the reader' },
      );
      return await transact({
        transmit: (apdu) => connected.transmit(Buffer.from(apdu)),
        reset: () => {},
      });
    } finally {
      await lying.remove();
      context.close();
    }
  }

  it('gives a reader all that it needs to trust the card', async () => {
    const done = await tap('mastercard');
    expect(new Set(done.statuses)).toEqual(new Set(['9000']));
    const { issuer, card, dynamic } = openChain(done, TEST_AUTHORITIES.mastercard.key);
    expect([issuer.hashHolds, card.hashHolds]).toEqual([true, true]);
    expect(dynamicHolds(dynamic, [Buffer.from(TERMINAL['9F37'] as string, 'hex')])).toBe(true);
  });
});
