/** Reads the tariffs' extract of the device folder. It only serves the preview: without it cards are answered all the same. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describeProblems } from '#contracts/parse.ts';
import type { PinnedKeys } from '#contracts/signed-envelope.ts';
import {
  openTariffExtract,
  TARIFF_EXTRACT_BYTES_MAX,
  TARIFF_EXTRACT_FILE,
} from '#contracts/tariff-extract.ts';
import type { Logger } from '#platform/logger.ts';
import { type DeviceTariffs, openExtract } from '#pricing/tariff-extract.ts';

/** `undefined` = there is none, or none that a pinned key has signed; the log says which. */
export function loadTariffs(dir: string, keys: PinnedKeys, log: Logger): DeviceTariffs | undefined {
  const path = join(dir, TARIFF_EXTRACT_FILE);
  if (!existsSync(path)) return undefined;
  try {
    if (statSync(path).size > TARIFF_EXTRACT_BYTES_MAX) throw new Error('the file is too large');
    const opened = openTariffExtract(readFileSync(path), keys);
    if (!opened.ok) throw new Error(describeProblems(opened.problems));
    return openExtract(opened.value);
  } catch (error) {
    log.warn({ reason: (error as Error).message }, 'edge.tariff-extract.not-believed');
    return undefined;
  }
}
