/** The provider's port over HTTP against the sandbox, its signed calls, and the reference of a debt. Real servers, no database. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openPaymentCall, PAYMENT_SIGNATURE_HEADER, signPaymentCall } from '#contracts/payment-api.ts';
import { createHttpPaymentProvider } from '../../../fare-engine/adapters/http-payment-provider.ts';
import type { PaymentWish } from '../../../fare-engine/bank/payment-provider.ts';
import { WELL_BEHAVED } from '../../../simulators/payments/misbehaviour.ts';
import {
  type SandboxProvider,
  type SandboxProviderOptions,
  startSandboxProvider,
} from '../../../simulators/payments/sandbox.ts';
import { tempFolder } from '../../support/temp-folder.ts';

const KEY = Buffer.alloc(32, 1);
const NOW = Date.UTC(2025, 9, 14, 6);
let realMs = NOW;
let sandbox: SandboxProvider;
let hearer: Server;
let heard: { body: Buffer; signature: string | undefined }[] = [];
/** Status of the next answers to calls; 204 where it is empty. */
let answers: number[] = [];

const options = (more: Partial<SandboxProviderOptions> = {}): SandboxProviderOptions => ({
  token: 'a-token',
  callKey: KEY,
  nowMs: () => NOW,
  realMs: () => realMs,
  ...more,
});

beforeAll(async () => {
  sandbox = await startSandboxProvider(options());
  hearer = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      const signature = request.headers[PAYMENT_SIGNATURE_HEADER] as string | undefined;
      heard.push({ body: Buffer.concat(parts), signature });
      response.writeHead(answers.shift() ?? 204).end();
    });
  });
  await new Promise<void>((resolve) => void hearer.listen(0, '127.0.0.1', resolve));
  sandbox.setCallUrl(`http://127.0.0.1:${(hearer.address() as AddressInfo).port}/payments/call`);
});
afterAll(async () => {
  await sandbox.stop();
  hearer.close();
});
beforeEach(() => {
  Object.assign(sandbox.misbehaviour, WELL_BEHAVED);
  heard = [];
  answers = [];
  realMs = NOW;
});

/** A peer is silent where a test makes it so: no answer of a machine that stands still for some seconds is too late. */
const provider = (at: SandboxProvider = sandbox, token = at.token, timeoutMs = 60_000) =>
  createHttpPaymentProvider({ url: at.url, token, timeoutMs });
const wish = (key: string, amountMinor = 1400n): PaymentWish => ({
  key,
  amountMinor,
  currency: 'UAH',
  description: 'Борг за поїздки 14.10.2025',
  language: 'uk',
  returnUrl: 'http://127.0.0.1:1/debt/x/payment',
  expiresInS: 600,
});

test('a payment is made once under its key; paid, it can be given back up to its amount, once under a key', async () => {
  expect(await provider().status('p-1')).toEqual({ outcome: 'unknown' });
  const made = await provider().create(wish('p-1'));
  if (made.outcome !== 'known') throw new Error(made.why);
  expect(made.payment).toMatchObject({ state: 'open', amountMinor: 1400n, currency: 'UAH' });
  expect(await provider().create(wish('p-1'))).toEqual(made);
  expect(await provider().create(wish('p-1', 1500n))).toEqual({ outcome: 'refused', why: 'HTTP 409' });
  const { reference } = made.payment;
  const back = { reference, currency: 'UAH' };
  expect(await provider().refund({ key: 'r-0', ...back, amountMinor: 1n })).toEqual({ outcome: 'declined' });
  expect([sandbox.end(reference, 'paid'), sandbox.end(reference, 'failed')]).toEqual([true, false]);
  expect(await provider().status('p-1')).toMatchObject({ payment: { state: 'paid' } });
  const first = await provider().refund({ key: 'r-1', ...back, amountMinor: 1000n });
  expect(first.outcome).toBe('refunded');
  expect(await provider().refund({ key: 'r-1', ...back, amountMinor: 1000n })).toEqual(first);
  expect(await provider().refund({ key: 'r-2', ...back, amountMinor: 401n })).toEqual({
    outcome: 'declined',
  });
  expect((await provider().refund({ key: 'r-3', ...back, amountMinor: 400n })).outcome).toBe('refunded');
  expect(sandbox.books.report('2025-10-14').split('\n')).toEqual([
    'paid_on,reference,amount_minor,currency,fee_minor',
    `2025-10-14,${reference},1400,UAH,21`,
    expect.stringMatching(/^2025-10-14,sp-r\d+,-1000,UAH,0$/),
    expect.stringMatching(/^2025-10-14,sp-r\d+,-400,UAH,0$/),
    '',
  ]);
});

test('a payment that nobody pays expires at its end and not before', async () => {
  const made = await provider().create(wish('p-2'));
  if (made.outcome !== 'known') throw new Error(made.why);
  realMs = NOW + 600_000 - 1;
  expect(await provider().status('p-2')).toMatchObject({ payment: { state: 'open' } });
  realMs = NOW + 600_000;
  expect(await provider().status('p-2')).toMatchObject({ payment: { state: 'expired' } });
  expect(sandbox.end(made.payment.reference, 'paid')).toBe(false);
});

test('whatever goes wrong on the way is a value: silent where it may have been done, refused where it never will', async () => {
  const bad = sandbox.misbehaviour;
  bad.errors = 1;
  expect(await provider().create(wish('w-1'))).toEqual({ outcome: 'silent', why: 'HTTP 500' });
  expect(await provider().status('w-1')).toEqual({ outcome: 'unknown' });
  bad.loseAnswers = 1;
  expect((await provider().create(wish('w-2'))).outcome).toBe('silent');
  expect((await provider().status('w-2')).outcome).toBe('known');
  bad.garble = 1;
  expect((await provider().create(wish('w-3'))).outcome).toBe('silent');
  bad.cutRequests = 1;
  expect((await provider().create(wish('w-4'))).outcome).toBe('silent');
  bad.down = true;
  expect((await provider().status('w-2')).outcome).toBe('silent');
  bad.down = false;
  bad.latencyMs = 200;
  expect((await provider(sandbox, 'a-token', 20).create(wish('w-5'))).outcome).toBe('silent');
  bad.latencyMs = 0;
  expect(await provider(sandbox, 'another').create(wish('w-6'))).toEqual({
    outcome: 'refused',
    why: 'HTTP 401',
  });
});

test('it calls with a signature that only its key makes, again until it is heard, and never when told not to', async () => {
  const endOf = async (key: string) => {
    const made = await provider().create(wish(key));
    if (made.outcome === 'known') sandbox.end(made.payment.reference, 'paid');
    await sandbox.called();
  };
  answers = [500];
  await endOf('c-1');
  expect(heard).toHaveLength(2);
  const { body, signature } = heard[0] as (typeof heard)[0];
  const opened = openPaymentCall(body, signature, [Buffer.alloc(32, 9), KEY], NOW);
  expect(opened).toMatchObject({ ok: true, call: { key: 'c-1', state: 'paid', amountMinor: '1400' } });
  sandbox.misbehaviour.callsEach = 2;
  await endOf('c-2');
  expect(heard).toHaveLength(4);
  sandbox.misbehaviour.callsEach = 0;
  await endOf('c-3');
  expect(heard).toHaveLength(4);
});

test('a call is opened only whole, in time and under a key that is good', () => {
  const body = Buffer.from(
    JSON.stringify({
      id: 'call-0001',
      key: 'k',
      reference: 'r',
      state: 'paid',
      amountMinor: '1',
      currency: 'UAH',
    }),
  );
  const signature = signPaymentCall(body, KEY, NOW);
  const why = (bytes: Buffer, signed: string | undefined, atMs = NOW, keys = [KEY]) => {
    const opened = openPaymentCall(bytes, signed, keys, atMs);
    return opened.ok ? 'opened' : opened.why;
  };
  expect(why(body, signature, NOW + 300_000)).toBe('opened');
  expect(why(body, signature, NOW - 300_000)).toBe('opened');
  expect(why(body, signature, NOW + 301_000)).toBe('stale');
  expect(why(body, signature, NOW - 301_000)).toBe('stale');
  expect(why(body, undefined)).toBe('unsigned');
  expect(why(body, signature.replace('t=', 't=1'))).toBe('forged');
  expect(why(body, signature, NOW, [Buffer.alloc(32, 2)])).toBe('forged');
  expect(why(body, signature, NOW, [])).toBe('forged');
  for (let at = 0; at < body.length; at += 1) {
    const other = Buffer.from(body);
    other[at] = (other[at] as number) ^ 1;
    expect(why(other, signature)).toBe('forged');
  }
  const nonsense = Buffer.from('{"id":1}');
  expect(why(nonsense, signPaymentCall(nonsense, KEY, NOW))).toBe('malformed');
});

test('a sandbox with a journal knows in its next life what it did in this one', async () => {
  const folder = tempFolder('payments');
  const journalFile = join(folder.path, 'payments.jsonl');
  const first = await startSandboxProvider(options({ journalFile }));
  const made = await provider(first).create(wish('life-1'));
  if (made.outcome === 'known') first.end(made.payment.reference, 'paid');
  const { books } = first;
  await first.stop();
  const second = await startSandboxProvider(options({ journalFile }));
  expect(await provider(second).status('life-1')).toMatchObject({ payment: { state: 'paid' } });
  expect(second.books.lines).toEqual(books.lines);
  await second.stop();
  folder.remove();
});

test('the payer’s page pays, fails and leaves by plain forms, and sends the browser back', async () => {
  const made = await provider().create(wish('page-1'));
  if (made.outcome !== 'known') throw new Error(made.why);
  const page = await (await fetch(made.payment.payUrl)).text();
  expect(page).toContain('<html lang="uk">');
  expect(page).toContain('14,00');
  const answer = await fetch(made.payment.payUrl, {
    method: 'POST',
    body: new URLSearchParams({ act: 'cancelled' }),
    redirect: 'manual',
  });
  expect([answer.status, answer.headers.get('location')]).toEqual([303, wish('').returnUrl]);
  expect(await provider().status('page-1')).toMatchObject({ payment: { state: 'cancelled' } });
  expect(await (await fetch(made.payment.payUrl)).text()).toContain('вже завершено');
  expect((await fetch(`${sandbox.url}/pay/nothing`)).status).toBe(404);
});

test('a question that is not taken is silence: what was asked for before may have been done', async () => {
  expect((await provider().create(wish('k-login'))).outcome).toBe('known');
  const lockedOut = provider(sandbox, 'another');
  expect((await lockedOut.status('k-login')).outcome).toBe('silent');
  expect((await lockedOut.create(wish('k-other'))).outcome).toBe('refused');
  expect((await provider().status('k-never')).outcome).toBe('unknown');
});
