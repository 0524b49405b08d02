import { describe, expect, it } from 'vitest';
import { terminalValues } from '../../../edge-agent/emv/terminal.ts';
import { BANK_CARDS, type BankCardKind, bankCard, TEST_PAR } from '../../../simulators/cards/emv/profiles.ts';
import { TODAY, testKernel, transact } from './support/terminal.ts';

const say = (result: Awaited<ReturnType<typeof transact>>): string =>
  result.outcome === 'genuine'
    ? `${result.card.scheme} ${result.card.oda}`
    : result.outcome === 'refused'
      ? result.why
      : result.outcome;

it('values of the terminal in another length than their own reach card and signature alike', async () => {
  const terminal = terminalValues({ countryCode: 804, currencyCode: 980, values: { '9f02': '01' } });
  expect(say(await transact(bankCard('visa'), { kernel: testKernel({ terminal }) }))).toBe('visa fdda');
});

describe('a bank card', () => {
  const expected: Readonly<Record<BankCardKind, string>> = {
    visa: 'visa fdda',
    'visa-record-signature': 'visa fdda',
    'visa-phone': 'visa fdda',
    mastercard: 'mastercard cda',
    'mastercard-long-keys': 'mastercard cda',
    'mastercard-whole-records': 'mastercard cda',
    phone: 'mastercard cda',
    maestro: 'mastercard cda',
    'two-applications': 'mastercard cda',
    amex: 'amex cda',
    expired: 'expired',
    locked: 'blocked',
    blocked: 'blocked',
    'no-oda': 'declined',
    'wrong-static-data': 'not-genuine',
    'issuer-certificate-expired': 'expired',
    'card-certificate-expired': 'expired',
    'unknown-authority': 'no-authority-key',
    'authority-over': 'no-authority-key',
    'certificate-of-another-pan': 'not-genuine',
    'certificate-of-another-issuer': 'not-genuine',
    'unknown-hash-algorithm': 'not-genuine',
    'tag-list-not-aip': 'not-genuine',
    // Whoever stands between card and reader could lengthen its life.
    'expiry-not-signed': 'not-genuine',
  };
  it.each(BANK_CARDS)('%s is taken or refused as it must be', async (kind) => {
    expect(say(await transact(bankCard(kind)))).toBe(expected[kind]);
  });

  it('shows its payment account where it carries one, and its token is the number’s', async () => {
    const cardOf = async (kind: BankCardKind) => {
      const result = await transact(bankCard(kind));
      if (result.outcome !== 'genuine') throw new Error(kind);
      return result.card;
    };
    const [card, phone, visa] = [await cardOf('mastercard'), await cardOf('phone'), await cardOf('visa')];
    expect([card.par?.value, phone.par?.value, visa.par]).toEqual([TEST_PAR, TEST_PAR, undefined]);
    // These cards say it where nothing is signed; the signature over the whole transaction does not reach records.
    expect(card.par?.proven).toBe(false);
    expect(new Set([card.tokenId, phone.tokenId, visa.tokenId]).size).toBe(3);
    expect((await cardOf('two-applications')).tokenId).toBe(card.tokenId);
    expect((await cardOf('visa-record-signature')).tokenId).toBe(visa.tokenId);
  });

  it('is taken on its last day and not after it', async () => {
    const card = bankCard('visa', { expiry: '260630' });
    const at = async (nowMs: number) => say(await transact(card, { request: { ...TODAY, nowMs } }));
    expect(await at(Date.UTC(2026, 6, 1) - 1)).toBe('visa fdda');
    expect(await at(Date.UTC(2026, 6, 1))).toBe('expired');
  });

  it('of no supported scheme is not supported', async () => {
    expect(say(await transact(bankCard('visa'), { kernel: testKernel({ supported: [] }) }))).toBe(
      'not-supported',
    );
  });
});
