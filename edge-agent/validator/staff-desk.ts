/**
 * What staff do at a validator: a driver's card opens and closes a shift, picks the line and declares a breakdown, on the
 * panel. Without a shift by the driver the vehicle's plan holds.
 */
import { type Static, Type } from 'typebox';
import { decodeJsonText, parserOf } from '#contracts/parse.ts';
import { parseRecord, Whereabouts } from '#contracts/record.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { Journal } from '../journal.ts';
import type { DriverMenu, LineChoice, Press, ServiceCard, StoredRecord } from '../ports.ts';
import type { StopPlan } from '../stops/stop-plan.ts';
import type { WhereDesk } from '../whereabouts.ts';

export interface StaffDeskDeps {
  readonly journal: Journal;
  readonly keeper: Pick<Timekeeper, 'evidence'>;
  readonly place: WhereDesk;
  readonly stopPlan?: StopPlan | undefined;
  /** Records read back where the journal has no note of a shift. */
  readonly rebuildRecordsMax: number;
}

export interface StaffDesk {
  /** What the driver may choose now. */
  menu(): DriverMenu;
  /** A key of the menu by this member of staff. False: the journal did not take it. */
  press(press: Press, service: ServiceCard): boolean;
  /** As the vehicle's plan or somebody in code says it. False: the journal did not take it. */
  open(where: Whereabouts, source: 'plan' | 'driver', staffId?: string): boolean;
  close(source: 'plan' | 'driver', staffId?: string): boolean;
}

/** Most lines on a panel; a city has fewer on one depot's vehicles. */
const LINES_MAX = 400;

/** Note of the journal with what a restart goes on with: it is written with the record that makes it so. */
const SHIFT_NOTE = 'driver-shift';

const ShiftNote = Type.Object({
  /** Of the driver; null = the vehicle's plan holds. */
  shift: Type.Union([Whereabouts, Type.Null()]),
  brokenDown: Type.Boolean(),
});
type ShiftNote = Static<typeof ShiftNote>;
const parseNote = parserOf(ShiftNote);

/** Makes it, and goes on with a driver's shift that the journal holds. */
export function createStaffDesk(deps: StaffDeskDeps): StaffDesk {
  const { journal, keeper, place } = deps;
  const lines = linesOf(deps.stopPlan);
  let { shift, brokenDown } = noteOf(journal.note(SHIFT_NOTE)) ?? notedFromRecords(deps);
  if (shift !== null) place.tellByDriver(shift);

  const noted = (note: ShiftNote) => ({ key: SHIFT_NOTE, text: JSON.stringify(note) });

  /** `after`: the driver's shift that holds once the record is written; a breakdown is of the shift before. */
  const record = (
    said: {
      readonly action: 'open' | 'close';
      readonly source: 'plan' | 'driver';
      readonly staffId?: string;
    },
    after: Whereabouts | null,
  ): boolean => {
    const body = { ...said, where: place.now() };
    const note = noted({ shift: after, brokenDown: false });
    if (!journal.append({ kind: 'shift', at: keeper.evidence(), body }, note).ok) return false;
    shift = after;
    brokenDown = false;
    return true;
  };

  function open(where: Whereabouts, source: 'plan' | 'driver', staffId?: string): boolean {
    if (source === 'driver') {
      place.tellByDriver(where);
      const opened = record({ action: 'open', source, ...whose(staffId) }, where);
      if (!opened && shift === null) place.leaveDriver();
      else if (!opened && shift !== null) place.tellByDriver(shift);
      return opened;
    }
    place.tell(where);
    return byPlan('open');
  }

  /** Above the plan stands the driver's word. A vehicle that begins or ends a shift is not the one that broke down. */
  function byPlan(action: 'open' | 'close'): boolean {
    return shift !== null || record({ action, source: 'plan' }, null);
  }

  function close(source: 'plan' | 'driver', staffId?: string): boolean {
    if (source === 'plan') return byPlan('close');
    const closed = record({ action: 'close', source, ...whose(staffId) }, null);
    if (closed) place.leaveDriver();
    return closed;
  }

  function declareBreakdown(staffId: string): boolean {
    const body = { where: place.now(), staffId };
    const note = noted({ shift, brokenDown: true });
    const declared = journal.append({ kind: 'breakdown', at: keeper.evidence(), body }, note).ok;
    brokenDown ||= declared;
    return declared;
  }

  return {
    menu: () => ({ shift: shift && lineOf(shift), lines, brokenDown }),
    press(press, { staffTokenId }) {
      switch (press.press) {
        case 'open-shift': {
          const { routeId, directionId } = press;
          if (!lines.some((line) => line.routeId === routeId && line.directionId === directionId))
            return true;
          if (shift !== null && !close('driver', staffTokenId)) return false;
          return open({ routeId, directionId }, 'driver', staffTokenId);
        }
        case 'close-shift':
          return shift === null || close('driver', staffTokenId);
        case 'breakdown':
          // A second press of one and the same breakdown is none.
          return brokenDown || declareBreakdown(staffTokenId);
        default:
          return true;
      }
    },
    open,
    close,
  };
}

function lineOf({ routeId, directionId }: Whereabouts): NonNullable<DriverMenu['shift']> {
  return { ...(routeId !== undefined && { routeId }), ...(directionId !== undefined && { directionId }) };
}

/** Lines of the plan, each direction once, with its last stop. */
function linesOf(plan: StopPlan | undefined): LineChoice[] {
  const found = new Map<string, LineChoice>();
  for (const { routeId, directionId, stopIds } of plan?.patterns ?? []) {
    const key = `${routeId}/${directionId}`;
    const towards = stopIds.at(-1) as string;
    const names = plan?.names?.[towards];
    if (!found.has(key))
      found.set(key, { routeId, directionId, towards, ...(names && { towardsNames: names }) });
  }
  const byName = new Intl.Collator('uk', { numeric: true });
  return [...found.values()]
    .sort((a, b) => byName.compare(a.routeId, b.routeId) || a.directionId - b.directionId)
    .slice(0, LINES_MAX);
}

function whose(staffId: string | undefined): { staffId?: string } {
  return staffId === undefined ? {} : { staffId };
}

/** What an earlier run has left; absent where none ever wrote it. */
function noteOf(text: string | null): ShiftNote | undefined {
  if (text === null) return undefined;
  const json = decodeJsonText(text);
  const note = json.ok ? parseNote(json.value) : undefined;
  return note?.ok ? note.value : { shift: null, brokenDown: false };
}

/** The note that a journal begun by software without notes should have, written so that records are read back only once. */
function notedFromRecords({ journal, rebuildRecordsMax }: StaffDeskDeps): ShiftNote {
  const note = shiftInRecords(journal.newest(rebuildRecordsMax));
  journal.setNote(SHIFT_NOTE, JSON.stringify(note));
  return note;
}

function shiftInRecords(newestFirst: readonly StoredRecord[]): ShiftNote {
  let brokenDown = false;
  for (const { kind, bytes } of newestFirst) {
    if (kind === 'breakdown') brokenDown = true;
    if (kind !== 'shift') continue;
    const record = parseRecord(bytes);
    if (!record.ok || record.value.kind !== 'shift') break;
    const { action, source, where } = record.value.body;
    return { shift: action === 'open' && source === 'driver' ? where : null, brokenDown };
  }
  return { shift: null, brokenDown };
}
