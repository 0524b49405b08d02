/**
 * What staff do at a validator: a driver's card opens and closes a shift, picks the line and declares a breakdown, on the
 * panel. Without a shift by the driver the vehicle's plan holds.
 */
import { parseRecord, type Whereabouts } from '#contracts/record.ts';
import type { Timekeeper } from '../clock-evidence.ts';
import type { Journal } from '../journal.ts';
import type { DriverMenu, LineChoice, Press, ServiceCard } from '../ports.ts';
import type { StopPlan } from '../stops/stop-plan.ts';
import type { WhereDesk } from '../whereabouts.ts';

export interface StaffDeskDeps {
  readonly journal: Journal;
  readonly keeper: Pick<Timekeeper, 'evidence'>;
  readonly place: WhereDesk;
  readonly stopPlan?: StopPlan | undefined;
  /** Records read back at a start, to find a shift that a restart has cut. */
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

/** Makes it, and goes on with a driver's shift that the journal holds. */
export function createStaffDesk(deps: StaffDeskDeps): StaffDesk {
  const { journal, keeper, place } = deps;
  const lines = linesOf(deps.stopPlan);
  let shift: Whereabouts | null = null;
  let brokenDown = false;

  const left = unclosedShift(journal, deps.rebuildRecordsMax);
  if (left) {
    shift = left.where;
    brokenDown = left.brokenDown;
    place.tellByDriver(left.where);
  }

  const record = (action: 'open' | 'close', source: 'plan' | 'driver', staffId?: string): boolean => {
    const body = { action, source, where: place.now(), ...(staffId !== undefined && { staffId }) };
    return journal.append({ kind: 'shift', at: keeper.evidence(), body }).ok;
  };

  function open(where: Whereabouts, source: 'plan' | 'driver', staffId?: string): boolean {
    if (source === 'driver') {
      place.tellByDriver(where);
      const opened = record('open', source, staffId);
      if (opened) {
        shift = where;
        brokenDown = false;
      } else if (shift === null) place.leaveDriver();
      else place.tellByDriver(shift);
      return opened;
    }
    place.tell(where);
    return byPlan('open');
  }

  /** Above the plan stands the driver's word. A vehicle that begins or ends a shift is not the one that broke down. */
  function byPlan(action: 'open' | 'close'): boolean {
    if (shift !== null) return true;
    const written = record(action, 'plan');
    if (written) brokenDown = false;
    return written;
  }

  function close(source: 'plan' | 'driver', staffId?: string): boolean {
    if (source === 'plan') return byPlan('close');
    const closed = record('close', source, staffId);
    if (closed) {
      shift = null;
      brokenDown = false;
      place.leaveDriver();
    }
    return closed;
  }

  function declareBreakdown(staffId: string): boolean {
    const body = { where: place.now(), staffId };
    const declared = journal.append({ kind: 'breakdown', at: keeper.evidence(), body }).ok;
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
    if (!found.has(key)) found.set(key, { routeId, directionId, towards: stopIds.at(-1) as string });
  }
  const byName = new Intl.Collator('uk', { numeric: true });
  return [...found.values()]
    .sort((a, b) => byName.compare(a.routeId, b.routeId) || a.directionId - b.directionId)
    .slice(0, LINES_MAX);
}

/** A shift that a driver opened and nobody closed, in the newest records. */
function unclosedShift(
  journal: Journal,
  recordsMax: number,
): { where: Whereabouts; brokenDown: boolean } | undefined {
  let brokenDown = false;
  for (const { kind, bytes } of journal.newest(recordsMax)) {
    if (kind === 'breakdown') brokenDown = true;
    if (kind !== 'shift') continue;
    const record = parseRecord(bytes);
    if (!record.ok || record.value.kind !== 'shift') return undefined;
    const { action, source, where } = record.value.body;
    return action === 'open' && source === 'driver' ? { where, brokenDown } : undefined;
  }
  return undefined;
}
