/** The tariff extract in the device folder: replaced whole, so that a crash leaves the old file or the new one. */
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { statedVersionOf, TARIFF_EXTRACT_BYTES_MAX, TARIFF_EXTRACT_FILE } from '#contracts/tariff-extract.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { TariffStore } from '../tariff-book.ts';

/** The file of a device folder. */
export function tariffFile(dir: string): TariffStore {
  const path = join(dir, TARIFF_EXTRACT_FILE);
  return {
    read() {
      if (!existsSync(path)) return null;
      if (statSync(path).size > TARIFF_EXTRACT_BYTES_MAX) throw new Error('the file is too large');
      return readFileSync(path);
    },
    write: (bytes) => writeFileAtomic(path, Buffer.from(bytes).toString('utf8')),
  };
}

/** What an enrolment brings; a newer extract that came over MQTT meanwhile stays. */
export function giveTariffs(dir: string, text: string): void {
  const path = join(dir, TARIFF_EXTRACT_FILE);
  const held = existsSync(path) ? statedVersionOf(readFileSync(path)) : -1;
  if (held <= statedVersionOf(Buffer.from(text, 'utf8'))) writeFileAtomic(path, text);
}
