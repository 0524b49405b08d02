import type { Medium, OpenedMedium } from '../../../edge-agent/media/medium.ts';

/** A medium that says the same of every card. */
export function fakeMedium(name: string, opened: OpenedMedium): Medium {
  return { name, apdusMax: 1, open: async () => opened };
}
