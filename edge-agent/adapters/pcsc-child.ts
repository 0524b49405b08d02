/**
 * The process that holds PC/SC. It is meant to be thrown away: whatever goes wrong beyond a single card, it says so and
 * ends, and its supervisor starts a fresh one. (The binding never recovers from a restarted pcscd, and a native fault
 * must not take the validator with it.)
 *
 * Argument 1: part of the name of the readers to use, or nothing for all.
 */
import type { CardInterface, ContextInterface, MonitorEvent, ReaderMonitorInterface } from 'smartcard';
import { type FromReader, HEARTBEAT_MS, type ToReader } from './pcsc-messages.ts';

type Smartcard = typeof import('smartcard');

/** One card's stay in the field. */
interface Visit {
  readonly reader: string;
  /** `null` for a card that could not be connected: it is offered and answers nothing. */
  card: CardInterface | null;
  state: 'connecting' | 'waiting' | 'offered' | 'done';
  gone: boolean;
}

/** Words of the binding for "it is this card", where the reader itself is well. Everything else ends the process. */
const CARD_FAULT =
  /removed|unresponsive|unpowered|no smart ?card|was reset|not supported|protocol mismatch|transaction failed/i;

const EMPTY = new Uint8Array(0);
const wantedReader = process.argv[2] ?? '';
const readers = new Set<string>();
/** Cards in the field now, by reader, oldest first. */
const visits = new Map<string, Visit>();
/** The card on offer; the next is offered when this one is done and gone. */
let offered: Visit | undefined;
/** Held here so that it is not collected as garbage while its thread watches. */
let monitor: ReaderMonitorInterface | undefined;

function say(message: FromReader): void {
  if (process.connected) process.send?.(message);
}

/** Says why and ends, once the message is on its way. */
function fail(why: string, absent = false): void {
  if (!process.connected) process.exit(1);
  process.send?.({ kind: 'fault', absent, why } satisfies FromReader, () => process.exit(1));
}

function offerNext(): void {
  if (offered && !(offered.state === 'done' && offered.gone)) return;
  offered = [...visits.values()].find((visit) => visit.state === 'waiting');
  if (!offered) return;
  offered.state = 'offered';
  say({ kind: 'card', reader: offered.reader });
}

async function cardCame(reader: string, context: ContextInterface, smartcard: Smartcard): Promise<void> {
  const visit: Visit = { reader, card: null, state: 'connecting', gone: false };
  visits.set(reader, visit);
  const protocols = smartcard.SCARD_PROTOCOL_T0 | smartcard.SCARD_PROTOCOL_T1;
  try {
    const handle = context.listReaders().find((known) => known.name === reader);
    if (handle) visit.card = await handle.connect(smartcard.SCARD_SHARE_SHARED, protocols);
  } catch (error) {
    const why = firstLine(error);
    if (!CARD_FAULT.test(why)) {
      fail(why);
      return;
    }
  }
  if (visit.gone) {
    disconnect(visit);
    return;
  }
  visit.state = 'waiting';
  offerNext();
}

function cardLeft(reader: string): void {
  const visit = visits.get(reader);
  if (!visit) return;
  visits.delete(reader);
  visit.gone = true;
  disconnect(visit);
  if (offered === visit) say({ kind: 'removed' });
  offerNext();
}

function disconnect(visit: Visit): void {
  try {
    visit.card?.disconnect();
  } catch {
    // It left: there is nothing to disconnect from.
  }
}

async function transmit(id: number, apdu: Uint8Array): Promise<void> {
  const card = offered && !offered.gone ? offered.card : null;
  try {
    // The binding gives an empty buffer for a card that left in the middle: that is our word for it as well.
    const bytes = card ? await card.transmit(Buffer.from(apdu)) : EMPTY;
    say({ kind: 'answer', id, bytes });
  } catch (error) {
    say({ kind: 'answer', id, bytes: EMPTY });
    const why = (error as Error).message;
    if (!CARD_FAULT.test(why) && !offered?.gone) fail(why);
  }
}

function onMessage(message: ToReader): void {
  if (message.kind === 'transmit') void transmit(message.id, message.apdu);
  else if (offered) {
    offered.state = 'done';
    offerNext();
  }
}

/** Reader and card events of the binding's own watching thread. */
function onEvent(event: MonitorEvent, context: ContextInterface, smartcard: Smartcard): void {
  if (event.type === 'error') fail(event.reader);
  else if (!isOurs(event.reader)) return;
  else if (event.type === 'reader-detached') fail(`reader removed: ${event.reader}`);
  else if (event.type === 'card-removed') cardLeft(event.reader);
  else if (event.type === 'card-inserted') void cardCame(event.reader, context, smartcard);
  else {
    readers.add(event.reader);
    say({ kind: 'readers', names: [...readers] });
    if ((event.state & smartcard.SCARD_STATE_PRESENT) !== 0) void cardCame(event.reader, context, smartcard);
  }
}

function isOurs(reader: string): boolean {
  return reader.includes(wantedReader);
}

async function main(): Promise<void> {
  if (!process.connected)
    throw new Error('this is the reader process of the edge agent; it is not run by hand');
  process.on('disconnect', () => process.exit(0));
  process.on('message', onMessage);
  let smartcard: Smartcard;
  try {
    smartcard = await import('smartcard');
  } catch (error) {
    fail(`the module smartcard is not installed (${firstLine(error)})`, true);
    return;
  }
  try {
    const context = new smartcard.Context();
    const known = context.listReaders().some((reader) => isOurs(reader.name));
    if (!known) say({ kind: 'readers', names: [] });
    // Readers that are there already are announced as attached.
    monitor = new smartcard.ReaderMonitor();
    monitor.start((event) => onEvent(event, context, smartcard));
  } catch (error) {
    fail(firstLine(error), true);
    return;
  }
  setInterval(() => say({ kind: 'alive' }), HEARTBEAT_MS);
}

function firstLine(error: unknown): string {
  return String((error as Error).message).split('\n')[0] ?? '';
}

await main();
