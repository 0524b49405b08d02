/** An acquirer without a wire, for tests; it passes the port's suite beside the real adapter. */
import {
  type Acquirer,
  type AcquirerAnswer,
  AcquirerRefused,
  AcquirerSilent,
  type AuthorisationRequest,
} from '../../../fare-engine/bank/acquirer.ts';

export interface FakeAcquirer extends Acquirer {
  /** What the bank says to an authorisation; `00` when not told otherwise. */
  decide: (request: AuthorisationRequest) => string;
  /** So many answers to come are lost after the work was done. */
  loseAnswers: number;
  /** Money that is with the acquirer. */
  readonly takenMinor: () => bigint;
  readonly asked: readonly string[];
}

export function fakeAcquirer(): FakeAcquirer {
  const done = new Map<string, { input: string; answer: AcquirerAnswer }>();
  const held = new Map<string, bigint>();
  const taken = new Map<string, bigint>();
  const asked: string[] = [];
  let last = 0;
  const once = async (key: string, request: object, work: () => AcquirerAnswer): Promise<AcquirerAnswer> => {
    asked.push(key);
    const input = JSON.stringify(request, (_key, v: unknown) => (typeof v === 'bigint' ? `${v}` : v));
    const before = done.get(key);
    if (before !== undefined && before.input !== input) throw new AcquirerRefused('HTTP 409');
    const answer = before?.answer ?? work();
    done.set(key, { input, answer });
    if (fake.loseAnswers > 0) {
      fake.loseAnswers -= 1;
      throw new AcquirerSilent('lost');
    }
    return answer;
  };
  const approve = (): AcquirerAnswer & { outcome: 'approved' } => {
    last += 1;
    return { outcome: 'approved', code: '00', reference: `fake-${last}` };
  };
  const fake: FakeAcquirer = {
    decide: () => '00',
    loseAnswers: 0,
    takenMinor: () => [...taken.values()].reduce((a, b) => a + b, 0n),
    asked,
    authorise: (request) =>
      once(request.key, request, () => {
        const code = fake.decide(request);
        if (code !== '00') return { outcome: 'declined', code };
        const answer = approve();
        if (request.purpose !== 'nominal') held.set(answer.reference, request.amountMinor);
        return answer;
      }),
    clear: (request) =>
      once(request.key, request, () => {
        if (held.get(request.reference) !== request.amountMinor) return { outcome: 'declined', code: '12' };
        held.delete(request.reference);
        const answer = approve();
        taken.set(answer.reference, request.amountMinor);
        return answer;
      }),
    refund: (request) =>
      once(request.key, request, () => {
        const left = taken.get(request.reference) ?? 0n;
        if (left < request.amountMinor) return { outcome: 'declined', code: '12' };
        taken.set(request.reference, left - request.amountMinor);
        return approve();
      }),
    chargebacks: async () => ({ chargebacks: [], malformed: [], full: false }),
    status: async (key) => done.get(key)?.answer ?? null,
  };
  return fake;
}
