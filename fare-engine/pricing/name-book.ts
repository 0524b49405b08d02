/** Names of a package's acts, concessions, media, categories and products, as plain JSON: what texts of steps need besides the step. */
import type { Translated } from './fares-v2/fare-feed.ts';
import type { TariffPackage } from './tariff-package.ts';
import type { Names } from './tariff-schema.ts';

/** A package's own name in four languages, with the names of what its steps mention. */
export interface NameBook extends Names {
  readonly acts: Readonly<Record<string, Names>>;
  readonly concessions: Readonly<Record<string, Names>>;
  readonly funding: Readonly<Record<string, Names>>;
  readonly caps: Readonly<Record<string, Names>>;
  readonly emergency: Readonly<Record<string, Names>>;
  /** Names of the feed: in one language where translations.txt has no other, else in four. */
  readonly media: Readonly<Record<string, string | Names>>;
  readonly categories: Readonly<Record<string, string | Names>>;
  readonly products: Readonly<Record<string, string | Names>>;
}

/** The name book of a package. It is stored once per package, never per line. */
export function packageNames(tariff: TariffPackage): NameBook {
  const { feed } = tariff.pricer;
  const named = (table: string, id: string, name: string): [string, string | Names] => {
    const translated = feed.translations.get(`${table}/${id}`);
    const own = name || id;
    return [id, translated ? { uk: own, en: own, de: own, pl: own, ...known(translated) } : own];
  };
  return {
    ...tariff.tariff.names,
    acts: Object.fromEntries(tariff.tariff.acts.map((act) => [act.act_id, act.names])),
    concessions: Object.fromEntries(tariff.concessions.map((row) => [row.concession_id, row.names])),
    caps: Object.fromEntries(tariff.caps.map((row) => [row.cap_id, row.names])),
    emergency: Object.fromEntries(tariff.emergency.map((row) => [row.rule_id, row.names])),
    funding: Object.fromEntries(tariff.funding.map((row) => [row.funding_id, row.names])),
    media: Object.fromEntries(feed.media.map((m) => named('fare_media', m.mediaId, m.name))),
    categories: Object.fromEntries(
      [...feed.categories.values()].map((c) => named('rider_categories', c.categoryId, c.name)),
    ),
    products: Object.fromEntries(
      [...feed.products].map(([id, rows]) => named('fare_products', id, rows[0]?.name ?? '')),
    ),
  };
}

/** The four languages out of those that the feed has. */
function known({ uk, en, de, pl }: Translated): Partial<Names> {
  return { ...(uk && { uk }), ...(en && { en }), ...(de && { de }), ...(pl && { pl }) };
}
