/**
 * Vehicles move smoothly between two reports, along their route's line rather than across houses. Pure.
 */

export type Position = readonly [lon: number, lat: number];

/** A line with the length run up to each of its points; lengths in degrees of latitude, good enough in one city. */
export interface Track {
  readonly points: readonly Position[];
  readonly runs: readonly number[];
  readonly squeeze: number;
}

/** Prepares a line. */
export function createTrack(points: readonly Position[]): Track {
  const squeeze = Math.cos(((points[0]?.[1] ?? 0) * Math.PI) / 180);
  const runs = [0];
  for (let i = 1; i < points.length; i++) {
    const [a, b] = [points[i - 1] as Position, points[i] as Position];
    runs.push((runs[i - 1] as number) + Math.hypot((b[0] - a[0]) * squeeze, b[1] - a[1]));
  }
  return { points, runs, squeeze };
}

/** Where on the track a position lies, and how far from it. */
export function locate(track: Track, at: Position): { run: number; off: number } {
  let best = { run: 0, off: Number.POSITIVE_INFINITY };
  for (let i = 1; i < track.points.length; i++) {
    const [a, b] = [track.points[i - 1] as Position, track.points[i] as Position];
    const [dx, dy] = [(b[0] - a[0]) * track.squeeze, b[1] - a[1]];
    const [px, py] = [(at[0] - a[0]) * track.squeeze, at[1] - a[1]];
    const length = dx * dx + dy * dy;
    const share = length === 0 ? 0 : Math.min(1, Math.max(0, (px * dx + py * dy) / length));
    const off = Math.hypot(px - dx * share, py - dy * share);
    if (off < best.off) best = { run: (track.runs[i - 1] as number) + Math.sqrt(length) * share, off };
  }
  return best;
}

/** The position at a length run along the track. */
export function positionAt(track: Track, run: number): Position {
  const last = track.points.length - 1;
  let i = 1;
  while (i < last && (track.runs[i] as number) < run) i++;
  const [a, b] = [track.points[i - 1] as Position, track.points[i] as Position];
  const [from, to] = [track.runs[i - 1] as number, track.runs[i] as number];
  const share = to === from ? 0 : Math.min(1, Math.max(0, (run - from) / (to - from)));
  return [a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share];
}

/** Further from its line than this (about 150 m) a vehicle is not on it: a detour, the depot. */
const OFF_TRACK = 0.0014;

/** The way from one report to the next: a function of the share of time that has passed, 0 … 1. */
export function wayBetween(
  from: Position,
  to: Position,
  track: Track | undefined,
): (share: number) => Position {
  if (track && track.points.length > 1) {
    const [a, b] = [locate(track, from), locate(track, to)];
    if (a.off < OFF_TRACK && b.off < OFF_TRACK) {
      return (share) => positionAt(track, a.run + (b.run - a.run) * share);
    }
  }
  return (share) => [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
}
