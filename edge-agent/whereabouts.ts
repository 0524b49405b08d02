/** Where the device believes itself to be: what it was told of vehicle and line, and the stop that positions give. */
import type { DeviceHealth } from '#contracts/device-report.ts';
import type { Whereabouts } from '#contracts/record.ts';
import type { Position } from './agent-types.ts';
import type { Moment } from './pass-back.ts';
import { createStopFinder, type PositionFix } from './stops/find-stop.ts';
import type { StopPlan } from './stops/stop-plan.ts';

export interface WhereDesk {
  /** Told from outside. A stop that is told stands as it is; without one, positions say it. */
  tell(where: Whereabouts, position?: Position, nextStopId?: string): void;
  /** The driver names the line, and perhaps the stop. */
  tellByDriver(where: Whereabouts): void;
  /** The driver's line is over: what was told from outside holds again. */
  leaveDriver(): void;
  observe(fix: PositionFix): void;
  /** For the next record. */
  now(): Whereabouts;
  /** For the health report. */
  report(): Pick<DeviceHealth, 'where' | 'position' | 'nextStopId'>;
}

export interface WhereDeps {
  readonly vehicleId?: string | undefined;
  /** Without one no stop is found from positions. */
  readonly stopPlan?: StopPlan | undefined;
  readonly moment: () => Moment;
}

/** Makes it; the vehicle of the enrolment stands wherever another is not told. */
export function createWhereDesk({ vehicleId, stopPlan, moment }: WhereDeps): WhereDesk {
  const completed = (where: Whereabouts): Whereabouts =>
    vehicleId === undefined || where.vehicleId !== undefined ? { ...where } : { vehicleId, ...where };
  const finder = stopPlan && createStopFinder(stopPlan);
  let told = completed({});
  /** Waits while the driver's word stands. */
  let plan: Whereabouts | undefined;
  let position: Position | undefined;
  let toldNextStopId: string | undefined;

  const now = (): Whereabouts => {
    const found = told.stopId === undefined ? finder?.at(moment()) : undefined;
    return found ? { ...told, ...found } : told;
  };

  return {
    tell(where, at, nextStopId) {
      if (plan !== undefined) {
        plan = completed(where);
        position = at ?? position;
        return;
      }
      told = completed(where);
      // Off its line a vehicle is nowhere, until its receiver speaks again.
      position = at ?? (told.routeId === undefined ? undefined : position);
      toldNextStopId = nextStopId;
      finder?.follow(told);
    },
    tellByDriver(where) {
      plan ??= told;
      toldNextStopId = undefined;
      const { stopId, ...line } = completed(where);
      told = finder === undefined ? completed(where) : line;
      finder?.follow(line);
      if (stopId !== undefined) finder?.say(stopId, moment().monoMs);
    },
    leaveDriver() {
      if (plan === undefined) return;
      told = plan;
      plan = undefined;
      finder?.follow(told);
    },
    observe(fix) {
      const { lat, lon, bearingDeg } = fix;
      position = { lat, lon, ...(bearingDeg !== undefined && { bearing: bearingDeg }) };
      finder?.observe(fix, moment().monoMs);
    },
    now,
    report() {
      const nextStopId = toldNextStopId ?? finder?.nextStopId(moment()) ?? undefined;
      return {
        where: now(),
        ...(position && { position }),
        ...(nextStopId !== undefined && { nextStopId }),
      };
    },
  };
}
