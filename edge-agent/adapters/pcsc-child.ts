/**
 * The process that holds PC/SC. It is meant to be thrown away: whatever goes wrong beyond a single card, it says so and
 * ends, and its supervisor starts a fresh one. (The binding never recovers from a restarted pcscd, and a native fault
 * must not take the validator with it.)
 *
 * It reads the cards itself (`media/`), with the keys of the device folder: numbers of cards and keys are in no other
 * process.
 *
 * For an issuing station it holds the desk that writes cards (`issue/issuing-desk.ts`) instead.
 *
 * Arguments: the device folder; real milliseconds that one APDU may take; what it is for; part of the name of the readers to
 * use, or nothing for all.
 */
import type { CardInterface, ContextInterface, MonitorEvent, ReaderMonitorInterface } from 'smartcard';
import { fairTimeout } from '#platform/fair-timeout.ts';
import type { IssuingDesk } from '../issue/issuing-desk.ts';
import type { IssuingVisit } from '../issue/orders.ts';
import type { Medium } from '../media/medium.ts';
import { type OpenedCard, openCard, VISIT_MS_MAX } from '../media/read-medium.ts';
import type { CardLogEntry, CardReading, SettleOutcome } from '../ports.ts';
import { loadMedia } from './load-media.ts';
import {
  type FromReader,
  HEARTBEAT_MS,
  type StationAnswer,
  type StationCall,
  type ToReader,
} from './pcsc-messages.ts';
import { createSamSlots, type Pcsc } from './pcsc-sam.ts';
import { realTimers } from './timers.ts';

type Smartcard = typeof import('smartcard');

/** One card's stay in the field. */
interface Visit {
  readonly reader: string;
  /** `null` for a card that could not be connected: it is offered and answers nothing. */
  card: CardInterface | null;
  /** The conversation with it, once it is read. */
  opened?: OpenedCard;
  /** A station's work with it. */
  work?: IssuingVisit;
  state: 'connecting' | 'waiting' | 'offered' | 'done';
  gone: boolean;
}

/** Words of the binding for "it is this card", where the reader itself is well. Everything else ends the process. */
const CARD_FAULT =
  /removed|unresponsive|unpowered|no smart ?card|was reset|not supported|protocol mismatch|transaction failed/i;

const EMPTY = new Uint8Array(0);
const [deviceDir = '', apduMs = '', purpose = 'read', wantedReader = ''] = process.argv.slice(2);
const apduMsMax = Number(apduMs);
let media: readonly Medium[] = [];
/** Only at an issuing station. */
let desk: IssuingDesk | undefined;
/** The folder is read: a call may come before. */
const loaded = Promise.withResolvers<void>();
/** How far the city's time is ahead of this machine's. */
let aheadMs = 0;
let pcsc: Pcsc | undefined;
const samSlots = createSamSlots({
  pcsc: () => pcsc,
  timed: (call) => timed(call),
  isChipFault: ({ message }) => CARD_FAULT.test(message),
  onFault: (error) => fail(`the SAM: ${firstLine(error)}`),
});
const readers = new Set<string>();
/** Cards in the field now, by reader, oldest first. */
const visits = new Map<string, Visit>();
/** More than one card at once: all have to leave before one is read again. */
const SEVERAL: CardReading = { ok: false, reason: 'CARDS_SEVERAL' };
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
  const visit = offered;
  if (desk) visit.work = desk.visit({ transmit: (apdu) => transmit(visit, apdu) });
  else void readOffered(visit);
}

/** Cards in the field beside this one that were not answered yet. */
function others(visit: Visit): Visit[] {
  return [...visits.values()].filter((other) => other !== visit && other.state !== 'done');
}

async function readOffered(visit: Visit): Promise<void> {
  visit.opened = await openCard({ transmit: (apdu) => transmit(visit, apdu) }, media, {
    timers: realTimers,
    timeMsMax: VISIT_MS_MAX,
  });
  const beside = others(visit);
  for (const other of beside) other.state = 'done';
  say({ kind: 'reading', reading: beside.length > 0 ? SEVERAL : visit.opened.reading });
}

/** A station's call. What throws is a bug: the process ends, and the card is finished at its next presentation. */
async function serve(id: number, call: StationCall): Promise<void> {
  try {
    await loaded.promise;
    say({ kind: 'returned', id, value: await answerOf(call) });
  } catch (error) {
    fail(`${call.name}: ${firstLine(error)}`);
  }
}

async function answerOf(call: StationCall): Promise<StationAnswer> {
  if (!desk) throw new Error('this reader process issues no cards');
  if (call.name === 'begun') return desk.begun();
  if (call.name === 'forget') {
    desk.forget(call.tokenId);
    return null;
  }
  const work = offered?.work;
  if (!work) throw new Error('there is no card to work on');
  if (call.name === 'look' || call.name === 'wipe') return work[call.name]();
  if (call.name === 'begin') return work.begin(call.order);
  return work[call.name]((step) => say({ kind: 'step', step }));
}

async function settle(entry: CardLogEntry): Promise<void> {
  const outcome: SettleOutcome = (await offered?.opened?.settle(entry)) ?? 'not-written';
  say({ kind: 'settled', outcome });
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
  if (visit.state === 'connecting') visit.state = 'waiting';
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

async function transmit(visit: Visit, apdu: Uint8Array): Promise<Uint8Array> {
  const { card } = visit;
  if (visit.gone || card === null) return EMPTY;
  try {
    // The binding gives an empty buffer for a card that left in the middle: that is our word for it as well.
    return await timed(() => card.transmit(Buffer.from(apdu)));
  } catch (error) {
    const why = (error as Error).message;
    if (!CARD_FAULT.test(why) && !visit.gone) fail(why);
    return EMPTY;
  }
}

/** A call that hangs has its thread for ever: only a fresh process helps. */
async function timed<T>(call: () => Promise<T>): Promise<T> {
  const watchdog = fairTimeout(apduMsMax, () => fail('PC/SC did not answer in time'));
  try {
    return await call();
  } finally {
    watchdog.cancel();
  }
}

function onMessage(message: ToReader): void {
  if (message.kind === 'time') aheadMs = message.nowMs - Date.now();
  else if (message.kind === 'settle') void settle(message.entry);
  else if (message.kind === 'call') void serve(message.id, message.call);
  else if (offered) {
    offered.opened?.end();
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
  return reader.includes(wantedReader) && !samSlots.has(reader);
}

async function main(): Promise<void> {
  if (!process.connected)
    throw new Error('this is the reader process of the edge agent; it is not run by hand');
  process.on('disconnect', () => process.exit(0));
  process.on('message', onMessage);
  let smartcard: Smartcard;
  try {
    const nowMs = () => Date.now() + aheadMs;
    if (purpose === 'issue') desk = (await import('./load-issuing.ts')).loadIssuingDesk(deviceDir, nowMs);
    else media = loadMedia(deviceDir, nowMs, samSlots.open);
    loaded.resolve();
  } catch (error) {
    fail(firstLine(error), true);
    return;
  }
  try {
    smartcard = await import('smartcard');
  } catch (error) {
    fail(`the module smartcard is not installed (${firstLine(error)})`, true);
    return;
  }
  // What was slow to load is there; from here on it is PC/SC that hangs where nothing more is said.
  say({ kind: 'alive' });
  try {
    const context = new smartcard.Context();
    pcsc = { context, smartcard };
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
