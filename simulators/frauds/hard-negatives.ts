/** What looks like fraud and is none. A finding about one of these is an accusation in vain, and is counted as such. */
import { randomOf } from '../city/random.ts';
import type { Month, Run, SimAccount, VehicleDay } from './honest-month.ts';

/** Taps that are odd and honest, by the name of what they are. */
export type Innocent = ReadonlyMap<string, ReadonlySet<string>>;

/** Adds them to the month. */
export function addHardNegatives(month: Month, seed: number): Innocent {
  const random = randomOf(seed, 'hard-negatives');
  const taps = new Map<string, Set<string>>();
  const note = (name: string, tapId: string) => {
    const set = taps.get(name) ?? new Set();
    taps.set(name, set.add(tapId));
  };
  const someRun = (): Run => random.pick(random.pick(month.vehicleDays).runs);
  const some = (): SimAccount => random.pick(month.accounts);
  for (let n = 0; n < 300; n++) fastInterchange(month, some(), someRun(), random.between(20, 60), note);
  for (let n = 0; n < 40; n++) companionGroup(month, some(), someRun(), note);
  for (let n = 0; n < 80; n++) payingGroup(month, payer(month, random.below(1000)), someRun(), note);
  schoolTrip(month, random.pick(month.vehicleDays), note);
  for (let n = 0; n < 20; n++) replacedCard(some(), note);
  for (let n = 0; n < 3; n++) depotDay(month, random.pick(month.vehicleDays));
  for (let n = 0; n < 60; n++) prolongedRight(month, some(), note);
  return taps;
}

type Note = (name: string, tapId: string) => void;

/** Into the wrong bus, out again, and into the right one behind it at the same stop. */
function fastInterchange(month: Month, account: SimAccount, run: Run, gapS: number, note: Note): void {
  const call = run.trip.calls[0] as Run['trip']['calls'][number];
  const other = month.vehicleDays
    .filter((day) => day.fareDay === run.fareDay && day.vehicle !== run.vehicle)
    .flatMap((day) => day.runs)
    .find((candidate) => candidate.trip.calls.some(({ stopId }) => stopId === call.stopId));
  if (other === undefined || busy(account, run)) return;
  const wrong = month.board(account, run, 0);
  const at = other.trip.calls.findIndex(({ stopId }) => stopId === call.stopId);
  const right = month.board(account, other, at, { atMs: wrong.atMs + gapS * 1000 });
  for (const tap of [wrong, right]) note('a fast interchange at one stop', tap.tapId);
}

/** Whether somebody rides on that day anyway: an extra ride at another end of the city would not be honest. */
function busy(account: SimAccount, run: Run): boolean {
  return account.taps.some((tap) => tap.fareDay === run.fareDay);
}

/** One card touched for a whole class, within pass-back: repeated touches of one ride. */
function companionGroup(month: Month, account: SimAccount, run: Run, note: Note): void {
  if (busy(account, run)) return;
  const first = month.board(account, run, 0);
  for (let n = 1; n < 12; n++) {
    const atMs = first.atMs + n * 8000;
    note(
      'a long group of companions',
      month.board(account, run, 0, { atMs, deviceId: first.deviceId, ride: false }).tapId,
    );
  }
}

function payer(month: Month, from: number): SimAccount {
  const paying = month.accounts.filter((account) => account.concessionId === null);
  return paying[from % paying.length] as SimAccount;
}

/** One bank card pays for colleagues who come one after the other: rides that nobody else pays for. */
function payingGroup(month: Month, account: SimAccount, run: Run, note: Note): void {
  if (busy(account, run)) return;
  const first = month.board(account, run, 0);
  for (let n = 1; n < 6; n++) {
    const atMs = first.atMs + n * 130_000;
    note(
      'a group on one paying card',
      month.board(account, run, 0, { atMs, deviceId: first.deviceId }).tapId,
    );
  }
}

/** Thirty pupils on one bus, there and back, on one day. */
function schoolTrip(month: Month, day: VehicleDay, note: Note): void {
  const pupils = month.accounts.filter((account) => account.concessionId?.startsWith('pupil')).slice(0, 400);
  const [there, back] = [day.runs[0], day.runs.at(-1)] as [Run, Run];
  for (const pupil of pupils.filter((account) => !busy(account, there)).slice(0, 30)) {
    note('a school trip', month.board(pupil, there, 1).tapId);
    note('a school trip', month.board(pupil, back, 1).tapId);
  }
}

/** A lost card's successor goes on in the middle of the month: one account. */
function replacedCard(account: SimAccount, note: Note): void {
  const half = Math.floor(account.taps.length / 2);
  const tokenId = `k1.${'f'.repeat(8)}${account.tokenId.slice(11)}`;
  for (let at = half; at < account.taps.length; at++) {
    const tap = account.taps[at];
    if (tap === undefined) continue;
    account.taps[at] = { ...tap, tokenId };
    note('a replaced card', tap.tapId);
  }
  account.tokenId = tokenId;
}

/** A vehicle stays in the depot: no shift, no taps; the others ride on. */
function depotDay(month: Month, day: VehicleDay): void {
  day.untilMs = day.fromMs;
  for (const account of month.accounts) {
    const kept = account.taps.filter(
      (tap) => tap.vehicleId !== day.vehicle.vehicleId || tap.fareDay !== day.fareDay,
    );
    if (kept.length < account.taps.length) account.taps.splice(0, account.taps.length, ...kept);
  }
}

/** A right ends and the next one begins at the same instant. */
function prolongedRight(month: Month, account: SimAccount, note: Note): void {
  const right = account.rights[0];
  const tap = account.taps[Math.floor(account.taps.length / 2)];
  if (right === undefined || tap === undefined || account.rights.length > 1 || month.plan.days < 1) return;
  const next = { ...right, validFromMs: tap.atMs };
  account.rights.splice(0, 1, { ...right, validUntilMs: tap.atMs }, next);
  for (const later of account.taps.filter((ride) => ride.atMs >= tap.atMs))
    note('a right that was prolonged', later.tapId);
}
