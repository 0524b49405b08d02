/**
 * The open kernel: one transaction with a Visa, Mastercard or American Express card, or a phone that stands for one. For
 * tests and development; see `kernel.ts` for what production asks.
 *
 * The card's number lives in the arena of the transaction and in one `SecretBytes`; both are wiped before the result
 * leaves, whichever way it ends.
 */
import { KEY_NAMES, type KeyProvider, tokenOf } from '../keys/key-provider.ts';
import { type ProvenKey, proveKey } from './authenticate.ts';
import { authorisationData } from './authorisation-data.ts';
import type { CaKeys } from './ca-keys.ts';
import type { CardData } from './card-data.ts';
import { type OpenedApplication, openApplication, type Talk } from './conversation.ts';
import { beginOf, endOf, track2Expiry } from './digits.ts';
import type { DolValues } from './dol.ts';
import type { EmvKernel, KernelCard, KernelRefusal, KernelRequest, KernelResult } from './kernel.ts';
import { type AskedCryptogram, type SignedTransaction, signTransaction } from './schemes.ts';
import { type AcquirerKey, type RandomBytes, seal } from './seal.ts';
import { SecretArena, SecretBytes } from './secret-bytes.ts';
import type { SupportedApplication } from './select.ts';
import { TAG } from './tags.ts';
import { type TerminalValues, transactionValues } from './terminal.ts';

export interface ReferenceKernelOptions {
  readonly supported: readonly SupportedApplication[];
  readonly caKeys: CaKeys;
  readonly terminal: TerminalValues;
  readonly keys: KeyProvider;
  readonly acquirer: AcquirerKey;
  readonly draw: RandomBytes;
  readonly asked?: AskedCryptogram;
}

/** Set before a card's number in the message of its token: no other medium's number can look like it. */
const PAN_DOMAIN = Buffer.from('kvytok pan v1\n', 'latin1');

/** Makes the open kernel. */
export function createReferenceKernel(options: ReferenceKernelOptions): EmvKernel {
  return {
    read: async ({ send }, request) => {
      const arena = new SecretArena();
      try {
        return await transact(options, { send, arena }, request);
      } finally {
        arena.wipe();
      }
    },
  };
}

async function transact(
  options: ReferenceKernelOptions,
  talk: Talk,
  request: KernelRequest,
): Promise<KernelResult> {
  const values = transactionValues(options.terminal, request, options.draw(4));
  const opened = await openApplication(talk, options.supported, values);
  if (opened === 'absent') return { outcome: 'absent' };
  if ('refused' in opened) return refused(opened.refused);
  const signed = await signTransaction({
    talk,
    opened: opened.value,
    values,
    asked: options.asked ?? 'arqc',
    prove: () => proveKey(opened.value, options.caKeys, request.nowMs, talk.arena),
  });
  if ('refused' in signed) return refused(signed.refused);
  const validity = validityOf(opened.value.data, signed.value.key);
  if (!validity) return refused('not-genuine');
  if (request.nowMs < validity.validFromMs) return refused('not-yet-valid');
  if (request.nowMs >= validity.validUntilMs) return refused('expired');
  return genuine(options, talk, { opened: opened.value, ...signed.value, values, validity });
}

interface Transaction {
  readonly opened: OpenedApplication;
  readonly key: ProvenKey;
  readonly signed: SignedTransaction;
  readonly values: DolValues;
  readonly validity: Validity;
}

async function genuine(
  options: ReferenceKernelOptions,
  { arena }: Talk,
  { opened, key, signed, values, validity }: Transaction,
): Promise<KernelResult> {
  const { data, candidate, languages } = opened;
  const plain = authorisationData(data, values, { aid: candidate.aid, signed }, arena);
  const par = parOf(data);
  const card: KernelCard = {
    scheme: candidate.scheme,
    ...(await tokensOf(options.keys, arena.join([PAN_DOMAIN, key.card.pan]))),
    ...(par !== undefined && { par }),
    oda: signed.oda,
    ...validity,
    languages: languagesIn(languages),
    authorisation: {
      keyId: options.acquirer.keyId,
      sealed: seal(plain, options.acquirer, options.draw),
    },
  };
  return { outcome: 'genuine', card };
}

/** The number's tokens under the live versions of its key. The message is wiped. */
async function tokensOf(
  keys: KeyProvider,
  message: Buffer,
): Promise<{ tokenId: string; formerTokenId?: string }> {
  const secret = SecretBytes.take(message);
  try {
    const [newest, former] = keys.versions(KEY_NAMES.panToken);
    if (newest === undefined) throw new Error('there is no key for tokens of bank cards');
    const under = (version: number): Promise<string> =>
      secret.use((bytes) => tokenOf(keys, { name: KEY_NAMES.panToken, version }, bytes));
    const tokenId = await under(newest);
    return former === undefined ? { tokenId } : { tokenId, formerTokenId: await under(former) };
  } finally {
    secret.wipe();
  }
}

interface Validity {
  readonly validFromMs: number;
  readonly validUntilMs: number;
}

/**
 * From 5F25 (where it is) to 5F24, and never beyond the certificates: dates that the issuer has signed, or the way to the
 * reader could lengthen a card's life. `undefined`: a date is none, there is no signed expiry, or track 2 names another
 * month.
 */
function validityOf(data: CardData, key: ProvenKey): Validity | undefined {
  const expiry = data.getCovered(TAG.expiry);
  const effective = data.getCovered(TAG.effective);
  const untilMs = expiry?.length === 3 ? endOf(expiry) : undefined;
  const fromMs = effective === undefined ? 0 : beginOf(effective);
  if (untilMs === undefined || fromMs === undefined || !expiry || !trackAgrees(data, expiry))
    return undefined;
  return { validFromMs: fromMs, validUntilMs: Math.min(untilMs, key.validUntilMs) };
}

/** Track 2 repeats the expiry as YYMM after its separator; both must agree. */
function trackAgrees(data: CardData, expiry: Buffer): boolean {
  const track2 = data.get(TAG.track2);
  return !track2 || track2Expiry(track2)?.equals(expiry.subarray(0, 2)) === true;
}

const PAR_BYTES = 29;

/** Cards say it in signed and in unsigned records. An unproven one may name a payer, and must join no accounts. */
function parOf(data: CardData): KernelCard['par'] {
  const value = data.get(TAG.par)?.toString('latin1');
  if (value?.length !== PAR_BYTES || !/^[0-9A-Z]+$/.test(value)) return undefined;
  return { value, proven: data.getCovered(TAG.par) !== undefined };
}

/** Two lower-case letters each, at most four (Book 3, annex A). */
function languagesIn(bytes: Buffer | undefined): readonly string[] {
  const text = bytes?.toString('latin1').toLowerCase() ?? '';
  return /^([a-z]{2}){1,4}$/.test(text) ? (text.match(/../g) as string[]) : [];
}

function refused(why: KernelRefusal): KernelResult {
  return { outcome: 'refused', why };
}
