/** `kvytok edge --issue`: an issuing station, its acts as calm lines for people or JSON for programs. */
import { readFileSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { styleText } from 'node:util';
import { sha256Hex } from '#contracts/hash-chain.ts';
import { openBatchMemory } from '../../edge-agent/adapters/batch-memory.ts';
import type { EdgeConfig } from '../../edge-agent/config.ts';
import { startStation } from '../../edge-agent/issue/main.ts';
import { createBatch, createSeries, type OrderBook } from '../../edge-agent/issue/order-book.ts';
import type { StationEvent, StationMode } from '../../edge-agent/issue/station.ts';
import { UsageError } from '../command.ts';
import type { EdgeRun } from './edge-run.ts';
import { lineOf, orderOf, readBatch } from './issue-orders.ts';

/** Options of this role. */
export interface StationValues {
  readonly staff?: string;
  readonly batch?: string;
  readonly kind?: string;
  readonly 'valid-from'?: string;
  readonly 'valid-until'?: string;
  readonly language?: string;
  readonly replaces?: string;
  readonly count?: string;
  readonly 'random-uid'?: boolean;
  readonly rekey?: boolean;
  readonly wipe?: boolean;
  readonly 'give-up'?: boolean;
  readonly events: boolean;
}

const COUNT_MAX = 100_000;

/** Starts it. The promise says when its orders are done; a station without an end is stopped by a person. */
export async function runStation(
  config: EdgeConfig,
  values: StationValues,
  { io, clock, log, lifecycle }: EdgeRun,
): Promise<{ readonly end: Promise<void> }> {
  const staffId = staffOf(values.staff);
  const mode: StationMode = values.rekey ? 'rekey' : values.wipe ? 'wipe' : 'issue';
  const giveUp = values['give-up'] === true;
  const book =
    mode === 'issue' && !giveUp ? bookOf(values, config, io.cwd, clock.nowMs()) : createSeries(NOTHING, 0);
  const forPeople = (io.stdout as { isTTY?: boolean }).isTTY === true && !values.events;
  const say = (line: string) => void io.stdout.write(`${line}\n`);
  const role = lifecycle.add(
    await startStation(
      {
        ...config,
        mode,
        staffId,
        book,
        onEvent: (event) => {
          if (!forPeople) say(JSON.stringify({ ...event, ...(event.event !== 'step' && book.progress()) }));
          else if (event.event !== 'step') say(lineOfEvent(event, book));
        },
      },
      { clock, log },
    ),
  );
  const begun = await role.begun();
  if (!forPeople)
    say(JSON.stringify({ event: 'ready', deviceId: role.deviceId, mode, begun, ...book.progress() }));
  else
    say(
      `Station ${role.deviceId} is ready.${begun > 0 ? ` ${begun} card(s) were begun: hold them again.` : ''}`,
    );
  if (!giveUp) return { end: mode === 'issue' ? role.station.finished : new Promise(() => {}) };
  await role.station.giveUp();
  return { end: Promise.resolve() };
}

/** Never carried out: a station that rekeys, wipes or gives up has no orders. */
const NOTHING = {
  contents: { kind: 'wallet', validFromMs: 0, validUntilMs: 0, language: 'uk' },
  randomUid: false,
} as const;

function staffOf(staff: string | undefined): string {
  if (staff !== undefined && /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(staff)) return staff;
  throw new UsageError('who? --staff takes a personnel number of letters, digits, . _ -: never a name');
}

function bookOf(values: StationValues, config: EdgeConfig, cwd: string, nowMs: number): OrderBook {
  if (values.batch !== undefined) {
    const path = resolve(cwd, values.batch);
    const bytes = readBytes(path);
    const name = basename(path).replace(/\.[a-z]+$/i, '');
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name))
      throw new UsageError(
        `the file's name names the batch: letters, digits, . _ -, not ${JSON.stringify(name)}`,
      );
    const orders = readBatch(bytes.toString('utf8'), nowMs);
    return createBatch(name, orders, openBatchMemory(config.deviceDir, name, sha256Hex(bytes)));
  }
  const count = Number(values.count ?? '1');
  if (!Number.isInteger(count) || count < 1 || count > COUNT_MAX)
    throw new UsageError(`--count takes a whole number from 1 to ${COUNT_MAX}`);
  if (values.replaces !== undefined && count > 1)
    throw new UsageError('a lost card has one successor: no --count');
  const given = Object.entries({
    kind: values.kind,
    validFrom: values['valid-from'],
    validUntil: values['valid-until'],
    language: values.language,
    replaces: values.replaces,
    randomUid: values['random-uid'],
  }).filter(([, value]) => value !== undefined);
  return createSeries(orderOf(lineOf(Object.fromEntries(given)), nowMs), count);
}

function readBytes(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new UsageError(`--batch ${path} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
}

/** What a person at the station reads. A mark stands before the colour. */
function lineOfEvent(event: Exclude<StationEvent, { event: 'step' }>, book: OrderBook): string {
  const { done, total } = book.progress();
  const count = total > 0 ? `${done}/${total}  ` : '';
  if (event.event === 'refused')
    return `${styleText('yellow', `⚠ ${event.reason}`)}${event.detail === undefined ? '' : `  ${event.detail}`}`;
  if (event.event === 'torn')
    return `${styleText('red', `✗ hold it again: ${event.reason}`)}  ${event.tokenId}; refused everywhere until then`;
  const { tokenId, cardKind, keyVersion, replacesTokenId } = event;
  const replaced = replacesTokenId === undefined ? '' : `, in place of ${replacesTokenId}`;
  return `${count}${styleText('green', `✓ ${event.event}`)}  ${cardKind} ${tokenId}, keys ${keyVersion}${replaced}`;
}
