import { createPublicKey, generateKeyPairSync, randomBytes as systemRandom } from 'node:crypto';
import type { CardAnswer, Conversation } from '../../../../edge-agent/apdu.ts';
import { type CaKeys, checksum, loadCaKeys } from '../../../../edge-agent/emv/ca-keys.ts';
import type { EmvKernel, KernelRequest } from '../../../../edge-agent/emv/kernel.ts';
import {
  createReferenceKernel,
  type ReferenceKernelOptions,
} from '../../../../edge-agent/emv/reference-kernel.ts';
import type { SupportedApplication } from '../../../../edge-agent/emv/select.ts';
import { terminalValues } from '../../../../edge-agent/emv/terminal.ts';
import { createSoftwareKeys } from '../../../../edge-agent/keys/software-keys.ts';
import { AMEX_CA_MODULUS, type Trace } from './amex-trace.ts';

export const hex = (text: string): Buffer => Buffer.from(text, 'hex');

export const SUPPORTED: readonly SupportedApplication[] = [
  { aid: hex('a0000000031010'), scheme: 'visa' },
  { aid: hex('a0000000041010'), scheme: 'mastercard' },
  { aid: hex('a000000042'), scheme: 'visa' },
  { aid: hex('a00000002501'), scheme: 'amex' },
];

/** A card that says what was recorded to exactly the recorded commands, in their order, and 6F00 to anything else. */
export function replay(trace: Trace, onCommand?: (command: string) => void): Pick<Conversation, 'send'> {
  let at = 0;
  return {
    send: async (command): Promise<CardAnswer | undefined> => {
      const said = Buffer.from(command).toString('hex');
      onCommand?.(said);
      const [wanted, answer] = trace[at] ?? ['', ''];
      if (said !== wanted) return { data: Buffer.alloc(0), status: 0x6f00 };
      at += 1;
      const bytes = hex(answer);
      return { data: bytes.subarray(0, -2), status: bytes.readUInt16BE(bytes.length - 2) };
    },
  };
}

/** 31 October 2014, when the trace was taken: its certificates run until 2018. */
export const AMEX_REQUEST: KernelRequest = {
  nowMs: Date.UTC(2014, 9, 31, 10),
  localDate: hex('141031'),
  localTime: hex('120000'),
};

export const amexCaKey = {
  rid: 'A000000025',
  index: 'A1',
  modulus: AMEX_CA_MODULUS,
  exponent: '010001' as const,
  validUntil: '2030-12-31',
  test: true,
};

export function caKeysOf(...keys: (typeof amexCaKey)[]): CaKeys {
  const listed = keys.map((key) => ({ ...key, checksum: checksum(key) }));
  return loadCaKeys({ v: 1, keys: listed }, { allowLive: false });
}

export const acquirerPair = generateKeyPairSync('x25519');
export const panTokenKeys = new Map([
  [1, Buffer.alloc(32, 0x11)],
  [2, Buffer.alloc(32, 0x22)],
]);

/** The kernel with the terminal of the trace. */
export function amexKernel(changes: Partial<ReferenceKernelOptions> = {}): EmvKernel {
  return createReferenceKernel({
    supported: SUPPORTED,
    caKeys: caKeysOf(amexCaKey),
    terminal: terminalValues({
      countryCode: 36,
      currencyCode: 36,
      values: { '9f35': 'ea', '9f02': '000000012000', '95': '0000048000' },
    }),
    keys: createSoftwareKeys({ tokens: new Map([['pan-token', panTokenKeys]]) }),
    acquirer: { keyId: 'acq-test', publicKey: createPublicKey(acquirerPair.privateKey) },
    draw: (bytes) => (bytes === 4 ? hex('327273b9') : systemRandom(bytes)),
    ...changes,
  });
}
