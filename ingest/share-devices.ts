/**
 * Which of several ingests takes a device's batches. All of them hear everything; each device belongs to one of those
 * that sit at the database now. Nobody has to agree: two that take the same batch do its work twice and once to effect,
 * and a batch that nobody takes, while one has died and the others have not seen it, is offered again by its device.
 */
import { createHash } from 'node:crypto';

/**
 * The seat a device belongs to: the one that weighs most for it (rendezvous hashing), so that when a seat comes or
 * goes only its own devices move. `undefined` when nobody sits.
 */
export function seatOf(deviceId: string, seats: readonly number[]): number | undefined {
  let best: number | undefined;
  let most = -1;
  for (const seat of seats) {
    const weight = createHash('sha256').update(`${seat} ${deviceId}`).digest().readUIntBE(0, 6);
    if (weight > most) [best, most] = [seat, weight];
  }
  return best;
}

/** Devices remembered between two changes of the seats. */
const REMEMBERED_MAX = 50_000;

/**
 * Says whether a device is this worker's. In doubt it is: without a seat of our own (the database is away, or the name is
 * taken twice) everything is taken, which costs work and loses nothing.
 */
export function deviceSharer(seat: {
  readonly number: number;
  mine(): boolean;
  seated(): readonly number[];
}): (deviceId: string) => boolean {
  let known = '';
  let answers = new Map<string, boolean>();
  return (deviceId) => {
    const seats = seat.seated();
    if (!seat.mine() || seats.length < 2) return true;
    const now = seats.join(' ');
    if (now !== known || answers.size >= REMEMBERED_MAX) [known, answers] = [now, new Map()];
    let mine = answers.get(deviceId);
    if (mine === undefined) {
      mine = seatOf(deviceId, seats) === seat.number;
      answers.set(deviceId, mine);
    }
    return mine;
  };
}
