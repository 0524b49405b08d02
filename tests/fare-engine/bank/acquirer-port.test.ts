/** The port's suite: the adapter over HTTP against the sandbox, and the fake, promise the same. */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createHttpAcquirer } from '../../../fare-engine/adapters/http-acquirer.ts';
import { type Acquirer, AcquirerRefused, AcquirerSilent } from '../../../fare-engine/bank/acquirer.ts';
import { openCard } from '../../../simulators/acquirer/open-sealed.ts';
import { type SandboxAcquirer, startSandboxAcquirer } from '../../../simulators/acquirer/sandbox.ts';
import { tempFolder } from '../../support/temp-folder.ts';
import { fakeAcquirer } from '../support/fake-acquirer.ts';
import { ACQUIRER_KEY_ID, acquirerKeys, sealedCard } from '../support/sealed-card.ts';

const { publicKey, privateKey } = acquirerKeys();
const PAN = '4761739001010010';
const PAR = '5413KVYTOK0000000000000000001';
const NOW = Date.UTC(2025, 9, 14, 6);
let sandbox: SandboxAcquirer;
let overHttp: Acquirer;
beforeAll(async () => {
  const keys = new Map([[ACQUIRER_KEY_ID, privateKey]]);
  sandbox = await startSandboxAcquirer({ keys, token: 'a-token', nowMs: () => NOW });
  overHttp = createHttpAcquirer({ url: sandbox.url, token: sandbox.token, timeoutMs: 60_000 });
});
afterAll(() => sandbox.stop());

const authorisation = sealedCard(publicKey, PAN, { par: PAR });
const charge = (key: string, amountMinor = 1200n, purpose: 'nominal' | 'charge' | 'recovery' = 'charge') => ({
  key,
  purpose,
  amountMinor,
  currency: 'UAH',
  authorisation,
  acquirerKeyId: ACQUIRER_KEY_ID,
});

interface Rig {
  readonly acquirer: Acquirer;
  decline(): void;
  loseNextAnswer(): void;
}
const rigs: Record<string, () => Rig> = {
  'over HTTP': () => ({
    acquirer: overHttp,
    decline: () => {
      for (const account of [PAN]) sandbox.issuer.accountOf(accountOf(account)).balanceMinor = 0n;
    },
    loseNextAnswer: () => {
      sandbox.misbehaviour.loseAnswers = 1;
    },
  }),
  fake: () => {
    const acquirer = fakeAcquirer();
    return {
      acquirer,
      decline: () => {
        acquirer.decide = () => '51';
      },
      loseNextAnswer: () => {
        acquirer.loseAnswers = 1;
      },
    };
  },
};

describe.each(Object.entries(rigs))('an acquirer %s', (name, open) => {
  const at = (key: string) => `${name.replace(' ', '-')}-${key}`;

  test('authorises, clears once, gives back what was taken and no more', async () => {
    const { acquirer } = open();
    const approved = await acquirer.authorise(charge(at('1')));
    if (approved.outcome !== 'approved') throw new Error(approved.code);
    const follow = { reference: approved.reference, amountMinor: 1200n, currency: 'UAH' };
    const cleared = await acquirer.clear({ key: at('2'), ...follow });
    if (cleared.outcome !== 'approved') throw new Error(cleared.code);
    expect(await acquirer.clear({ key: at('3'), ...follow })).toMatchObject({ outcome: 'declined' });
    const back = { reference: cleared.reference, currency: 'UAH' };
    expect(await acquirer.refund({ key: at('4'), ...back, amountMinor: 500n })).toMatchObject({
      outcome: 'approved',
    });
    expect(await acquirer.refund({ key: at('5'), ...back, amountMinor: 701n })).toMatchObject({
      outcome: 'declined',
    });
    expect(await acquirer.refund({ key: at('6'), ...back, amountMinor: 700n })).toMatchObject({
      outcome: 'approved',
    });
  });

  test('does a request once under its key, whatever is lost, and tells what became of it', async () => {
    const rig = open();
    expect(await rig.acquirer.status(at('7'))).toBeNull();
    rig.loseNextAnswer();
    await expect(rig.acquirer.authorise(charge(at('7')))).rejects.toBeInstanceOf(AcquirerSilent);
    const known = await rig.acquirer.status(at('7'));
    expect(known).toMatchObject({ outcome: 'approved' });
    expect(await rig.acquirer.authorise(charge(at('7')))).toEqual(known);
    await expect(rig.acquirer.authorise(charge(at('7'), 1300n))).rejects.toBeInstanceOf(AcquirerRefused);
  });

  test('a nominal authorisation is never taken; a refusal has its code', async () => {
    const rig = open();
    const nominal = await rig.acquirer.authorise(charge(at('8'), 100n, 'nominal'));
    if (nominal.outcome !== 'approved') throw new Error(nominal.code);
    const follow = { reference: nominal.reference, amountMinor: 100n, currency: 'UAH' };
    expect(await rig.acquirer.clear({ key: at('9'), ...follow })).toMatchObject({ outcome: 'declined' });
    rig.decline();
    expect(await rig.acquirer.authorise(charge(at('10')))).toEqual({ outcome: 'declined', code: '51' });
  });
});

/** The sandbox's name of a card's account, asked of the sandbox itself. */
function accountOf(pan: string): string {
  const found = openCard(sealedCard(publicKey, pan), ACQUIRER_KEY_ID, privateKey);
  return found.account;
}

test('answers without their form, cut wires, overload and a wrong login are told apart', async () => {
  sandbox.misbehaviour.garble = 1;
  await expect(overHttp.authorise(charge('bad-1'))).rejects.toBeInstanceOf(AcquirerSilent);
  sandbox.misbehaviour.cutRequests = 1;
  await expect(overHttp.authorise(charge('bad-2'))).rejects.toBeInstanceOf(AcquirerSilent);
  expect(await overHttp.status('bad-2')).toBeNull();
  sandbox.misbehaviour.overload = 1;
  await expect(overHttp.authorise(charge('bad-3'))).rejects.toBeInstanceOf(AcquirerSilent);
  const stranger = createHttpAcquirer({ url: sandbox.url, token: 'another', timeoutMs: 60_000 });
  const refusal = await stranger.authorise(charge('bad-4')).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(AcquirerRefused);
  expect(String(refusal)).not.toContain('another');
  // What was done before the login went wrong is not taken for never done: nobody gives it back a second time.
  await overHttp.authorise(charge('bad-6'));
  await expect(stranger.status('bad-6')).rejects.toBeInstanceOf(AcquirerSilent);
  const hasty = createHttpAcquirer({ url: sandbox.url, token: sandbox.token, timeoutMs: 20 });
  sandbox.misbehaviour.latencyMs = 200;
  await expect(hasty.authorise(charge('bad-5'))).rejects.toBeInstanceOf(AcquirerSilent);
  sandbox.misbehaviour.latencyMs = 0;
});

test('a list of chargebacks that is longer than any may be is named, the others are read', async () => {
  for (let n = 0; n < 100; n += 1)
    sandbox.books.inventChargeback('r'.repeat(n === 99 ? 130_000 : 9), 5n, 'UAH', '2025-10-14');
  expect((await overHttp.chargebacks(0)).unread?.problem).toBe(
    'the list after 0 is longer than 131072 bytes',
  );
  expect(await overHttp.chargebacks(100)).toEqual({ chargebacks: [], malformed: [], full: false });
});

test('data that were sealed for another, or changed, are refused; an expired card is code 54; the bank tells the PAR', async () => {
  const foreign = sealedCard(acquirerKeys().publicKey, PAN);
  await expect(overHttp.authorise({ ...charge('data-1'), authorisation: foreign })).rejects.toBeInstanceOf(
    AcquirerRefused,
  );
  const expired = sealedCard(publicKey, '4761739001010028', { expiry: '250930' });
  expect(await overHttp.authorise({ ...charge('data-2'), authorisation: expired })).toEqual({
    outcome: 'declined',
    code: '54',
  });
  const phone = sealedCard(publicKey, '4761739001010036', { par: PAR });
  expect(await overHttp.authorise({ ...charge('data-3'), authorisation: phone })).toMatchObject({ par: PAR });
});

test('a sandbox with a journal knows in its next life what it did in this one', async () => {
  const folder = tempFolder('acquirer');
  const options = {
    keys: new Map([[ACQUIRER_KEY_ID, privateKey]]),
    token: 'j',
    nowMs: () => NOW,
    journalFile: join(folder.path, 'acquirer.jsonl'),
  };
  const first = await startSandboxAcquirer(options);
  const ask = (at: SandboxAcquirer) => createHttpAcquirer({ url: at.url, token: 'j', timeoutMs: 60_000 });
  const answer = await ask(first).authorise(charge('life-1'));
  await first.stop();
  const second = await startSandboxAcquirer(options);
  expect(await ask(second).status('life-1')).toEqual(answer);
  expect(second.issuer.accountOf(accountOf(PAN)).balanceMinor).toBe(98_800n);
  await second.stop();
  folder.remove();
});
