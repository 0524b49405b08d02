import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cardKey, issuerKey } from '../../../edge-agent/emv/certificates.ts';
import { combinedData } from '../../../edge-agent/emv/dynamic-data.ts';
import type { KernelResult } from '../../../edge-agent/emv/kernel.ts';
import { SecretArena } from '../../../edge-agent/emv/secret-bytes.ts';
import { readObjects } from '../../../edge-agent/tlv.ts';
import { AMEX_CARD_MODULUS, AMEX_TRACE } from './support/amex-trace.ts';
import {
  AMEX_REQUEST,
  amexCaKey,
  amexKernel,
  caKeysOf,
  hex,
  panTokenKeys,
  replay,
} from './support/replay.ts';

const PAN = '374245001741007';

function genuine(result: KernelResult) {
  if (result.outcome !== 'genuine') throw new Error(JSON.stringify(result));
  return result.card;
}

/** All objects of the trace's records, GPO answer included. */
const said = new Map<number, Buffer>(
  AMEX_TRACE.slice(2).flatMap(([, answer]) => {
    const inner = readObjects(hex(answer.slice(0, -4)), 'emv')?.[0];
    if (!inner || inner.tag === 0x80) return [];
    return (readObjects(inner.value, 'emv') ?? []).map(({ tag, value }) => [tag, value] as const);
  }),
);
const certificate = (certificateTag: number, remainder: number, exponent: number) => ({
  certificate: said.get(certificateTag),
  remainder: said.get(remainder),
  exponent: said.get(exponent),
});

describe('a published trace of an American Express test card', () => {
  it('is spoken byte for byte, and the card proves itself', async () => {
    const commands: string[] = [];
    const card = genuine(
      await amexKernel().read(
        replay(AMEX_TRACE, (command) => void commands.push(command)),
        AMEX_REQUEST,
      ),
    );
    expect(commands).toEqual(AMEX_TRACE.map(([command]) => command));
    expect(card).toMatchObject({
      scheme: 'amex',
      oda: 'cda',
      validFromMs: Date.UTC(2013, 9, 1),
      validUntilMs: Date.UTC(2019, 0, 1),
      languages: ['en'],
    });
    expect(card.par).toBeUndefined();
  });

  it('gives tokens of the number under both live keys, and of nothing else', async () => {
    const card = genuine(await amexKernel().read(replay(AMEX_TRACE), AMEX_REQUEST));
    const message = Buffer.concat([Buffer.from('kvytok pan v1\n'), hex(`${PAN}fffff`)]);
    const token = (version: number) =>
      `k${version}.${createHmac('sha256', panTokenKeys.get(version) as Buffer)
        .update(message)
        .digest('hex')
        .slice(0, 32)}`;
    expect(card).toMatchObject({ tokenId: token(2), formerTokenId: token(1) });
  });

  it('has the published issuer, key, number and cryptogram in it', () => {
    const arena = new SecretArena();
    const [ca] = caKeysOf(amexCaKey).find(hex('a000000025'), 0xa1, AMEX_REQUEST.nowMs);
    if (!ca) throw new Error('no key');
    const issuer = issuerKey(certificate(0x90, 0x92, 0x9f32), ca, hex(`${PAN}f`), arena);
    if (!issuer) throw new Error('no issuer');
    expect(new Date(issuer.validUntilMs)).toEqual(new Date(Date.UTC(2019, 0, 1)));
    const [, record2Answer] = AMEX_TRACE[4] as readonly [string, string];
    const record2 = readObjects(hex(record2Answer.slice(0, -4)), 'emv')?.[0]?.value as Buffer;
    const card = cardKey(certificate(0x9f46, 0x9f48, 0x9f47), issuer, [record2, hex('5d80')], arena);
    if (!card) throw new Error('no card');
    expect(card.pan.toString('hex')).toBe(`${PAN}fffff`);
    const { n } = card.key.export({ format: 'jwk' });
    expect(Buffer.from(n as string, 'base64url').toString('hex')).toBe(AMEX_CARD_MODULUS);
    const [sentAc, answerAc] = AMEX_TRACE.at(-1) as readonly [string, string];
    const objects =
      readObjects(readObjects(hex(answerAc.slice(0, -4)), 'emv')?.[0]?.value as Buffer, 'emv') ?? [];
    const combined = combinedData(
      {
        signed: objects.find(({ tag }) => tag === 0x9f4b)?.value,
        unpredictableNumber: hex('327273b9'),
        transaction: [
          hex('ea'),
          hex(sentAc.slice(10, -2)),
          ...objects.filter(({ tag }) => tag !== 0x9f4b).map(({ raw }) => raw),
        ],
      },
      card,
      arena,
    );
    expect(combined?.dynamicNumber.toString('hex')).toBe('b1bd198460deba64');
    expect(combined?.cryptogram.toString('hex')).toBe('51f4f65dde43732d');
    expect(combined?.cryptogramInfo).toBe(0x80);
  });

  it('is over when its certificates are, to the millisecond', async () => {
    const lastMs = Date.UTC(2019, 0, 1) - 1;
    const at = (nowMs: number) => amexKernel().read(replay(AMEX_TRACE), { ...AMEX_REQUEST, nowMs });
    expect(await at(lastMs)).toMatchObject({ outcome: 'genuine' });
    expect(await at(lastMs + 1)).toEqual({ outcome: 'refused', why: 'expired' });
    expect(await at(Date.UTC(2013, 9, 1) - 1)).toEqual({ outcome: 'refused', why: 'not-yet-valid' });
  });

  it('is not believed without its scheme’s key, nor with another under its name', async () => {
    const stranger = { ...amexCaKey, modulus: AMEX_CARD_MODULUS };
    const why = async (keys: ReturnType<typeof caKeysOf>) =>
      amexKernel({ caKeys: keys }).read(replay(AMEX_TRACE), AMEX_REQUEST);
    expect(await why(caKeysOf(stranger))).toEqual({ outcome: 'refused', why: 'not-genuine' });
    const lapsed = { ...amexCaKey, validUntil: '2014-10-31' };
    for (const none of [{ ...amexCaKey, index: 'A2' }, lapsed])
      expect(await why(caKeysOf(none))).toEqual({ outcome: 'refused', why: 'no-authority-key' });
    // Two keys of one RID and index: the one that fits counts.
    const both = caKeysOf(stranger, amexCaKey);
    expect(await amexKernel({ caKeys: both }).read(replay(AMEX_TRACE), AMEX_REQUEST)).toMatchObject({
      outcome: 'genuine',
    });
  });
});

describe('one changed byte of an answer', () => {
  /** Bytes whose change is not noticed, by answer. */
  const survivors = new Map<number, number>();

  it('makes the card be refused, or changes nothing that is used', async () => {
    const original = genuine(await amexKernel().read(replay(AMEX_TRACE), AMEX_REQUEST));
    const used = ({ authorisation: _, languages: __, ...rest }: typeof original) => rest;
    for (const [step, [command, answer]] of AMEX_TRACE.entries()) {
      for (let at = 0; at < answer.length / 2; at++) {
        const bytes = hex(answer);
        bytes[at] = (bytes[at] as number) ^ (1 << (at % 8));
        const changed = [command, bytes.toString('hex')] as const;
        const trace = AMEX_TRACE.map((pair, n) => (n === step ? changed : pair));
        const result = await amexKernel().read(replay(trace), AMEX_REQUEST);
        if (result.outcome !== 'genuine') continue;
        expect(used(result.card)).toEqual(used(original));
        survivors.set(step, (survivors.get(step) ?? 0) + 1);
      }
    }
  });

  it('is noticed wherever a signature covers it', () => {
    // 0 directory and 1 FCI choose the application and say what to send; 3 repeats number and expiry in track 2, beside a
    // name; 8 is the static signature, which a card with CDA does not need; 9 lists cardholder verification methods. The
    // issuer has flagged none of them. Options 2, record 4, certificates 5 to 7 and cryptogram 10: not one byte.
    expect([...survivors.keys()]).toEqual([0, 1, 3, 8, 9]);
    // Of track 2: number and expiry are compared with what is signed.
    expect(survivors.get(3)).toBeLessThan(100);
  });
});
