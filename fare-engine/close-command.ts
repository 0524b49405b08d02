/** The command that closes the books of a fare day, and of every earlier one still open. */
import type { Payload } from './command-kinds.ts';
import type { Desk, Naming, Refusal } from './commands.ts';

/** A day is closed once, in order, and not before it is over. */
export function closeDay({ fareDay }: Payload<'close-day'>, { knownFromMs }: Naming, desk: Desk): Refusal {
  const latest = desk.writes.closes.at(-1) ?? desk.context.latestClose;
  if (latest !== null && latest.fareDay >= fareDay) {
    return { reason: 'DAY_ALREADY_CLOSED', detail: `${latest.fareDay} is closed, and every day before it` };
  }
  const date = new Date(`${fareDay}T00:00:00Z`);
  if (Number.isNaN(date.getTime()) || !date.toISOString().startsWith(fareDay)) {
    return { reason: 'COMMAND_MALFORMED', detail: `${fareDay} is no date` };
  }
  // By the clock: what counts as known may lie ahead of it, where an ingest's clock does.
  if (desk.days.endOfMs(fareDay) > desk.context.nowMs) {
    return { reason: 'DAY_NOT_OVER', detail: `${fareDay} has not ended yet` };
  }
  desk.writes.closes.push({ fareDay, knownFromMs });
  return null;
}
