/** Names of a package's acts, concessions and media, as plain JSON: what texts of steps need besides the step. */
import type { TariffPackage } from './tariff-package.ts';
import type { Names } from './tariff-schema.ts';

/** A package's own name in four languages, with the names of what its steps mention. */
export interface NameBook extends Names {
  readonly acts: Readonly<Record<string, Names>>;
  readonly concessions: Readonly<Record<string, Names>>;
  readonly funding: Readonly<Record<string, Names>>;
  /** Names as the feed has them, in one language. */
  readonly media: Readonly<Record<string, string>>;
}

/** The name book of a package. It is stored once per package, never per line. */
export function packageNames(tariff: TariffPackage): NameBook {
  const { feed } = tariff.pricer;
  return {
    ...tariff.tariff.names,
    acts: Object.fromEntries(tariff.tariff.acts.map((act) => [act.act_id, act.names])),
    concessions: Object.fromEntries(tariff.concessions.map((row) => [row.concession_id, row.names])),
    funding: Object.fromEntries(tariff.funding.map((row) => [row.funding_id, row.names])),
    media: Object.fromEntries(feed.media.map((m) => [m.mediaId, m.name || m.mediaId])),
  };
}
