import { createPublicKey, randomBytes } from 'node:crypto';
import { converse } from '../../../../edge-agent/apdu.ts';
import { loadCaKeys } from '../../../../edge-agent/emv/ca-keys.ts';
import type { KernelRequest, KernelResult } from '../../../../edge-agent/emv/kernel.ts';
import {
  createReferenceKernel,
  type ReferenceKernelOptions,
} from '../../../../edge-agent/emv/reference-kernel.ts';
import type { SupportedApplication } from '../../../../edge-agent/emv/select.ts';
import { terminalValues } from '../../../../edge-agent/emv/terminal.ts';
import { createSoftwareKeys } from '../../../../edge-agent/keys/software-keys.ts';
import type { CardTransport, Timers } from '../../../../edge-agent/ports.ts';
import { caKeyList } from '../../../../simulators/cards/emv/test-ca.ts';
import { acquirerPair, hex, panTokenKeys } from './replay.ts';

export const APPLICATIONS: readonly SupportedApplication[] = [
  { aid: hex('a0000000031010'), scheme: 'visa' },
  { aid: hex('a0000000041010'), scheme: 'mastercard' },
  { aid: hex('a0000000043060'), scheme: 'mastercard' },
  { aid: hex('a00000002501'), scheme: 'amex' },
];

/** Noon of a day on which the cards of the simulator are valid. */
export const TODAY: KernelRequest = {
  nowMs: Date.UTC(2026, 5, 15, 9),
  localDate: hex('260615'),
  localTime: hex('120000'),
};

export const testKernel = (changes: Partial<ReferenceKernelOptions> = {}) =>
  createReferenceKernel({
    supported: APPLICATIONS,
    caKeys: loadCaKeys(caKeyList(), { allowLive: false }),
    terminal: terminalValues({ countryCode: 804, currencyCode: 980 }),
    keys: createSoftwareKeys({ tokens: new Map([['pan-token', panTokenKeys]]) }),
    acquirer: { keyId: 'acq-test', publicKey: createPublicKey(acquirerPair.privateKey) },
    draw: randomBytes,
    ...changes,
  });

/** Time that never passes: a card of a test answers at once, or not at all. */
const timers: Timers = {
  nowMs: () => 0,
  after: () => () => {},
  rest: async () => {},
};

/** Time that is over as soon as nothing else happens. */
export const impatient: Timers = {
  ...timers,
  after: (_delayMs, call) => {
    const timer = setTimeout(call, 30);
    return () => clearTimeout(timer);
  },
};

/** One transaction of a card in memory. */
export async function transact(
  card: CardTransport,
  options: { kernel?: ReturnType<typeof testKernel>; request?: KernelRequest; timers?: Timers } = {},
): Promise<KernelResult> {
  const talk = converse(card, { timers: options.timers ?? timers, timeMsMax: 2000, apdusMax: 64 });
  try {
    return await (options.kernel ?? testKernel()).read(talk, options.request ?? TODAY);
  } finally {
    talk.end();
  }
}
