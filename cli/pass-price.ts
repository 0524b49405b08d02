/** Whether a pass was sold for what the tariff asks for it, of this rider. The engine takes any amount: a gift, a rebate, a mistake. */
import { join } from 'node:path';
import { formatMoney } from '#contracts/money.ts';
import type { ProductRow } from '#pricing/fares-v2/fare-feed.ts';
import type { TariffPackage } from '#pricing/tariff-package.ts';
import { rowsOf } from '../fare-engine/database-reader.ts';
import { loadTariffTimeline } from '../fare-engine/tariffs/load-tariff.ts';
import { hearsAnswers, openAuditDatabase } from './audit-database.ts';
import type { CommandIo } from './command.ts';
import type { CityHere, HandInValues } from './hand-in.ts';

/** A sale as it is handed in. */
export interface Sale {
  readonly accountId: string;
  readonly fareProductId: string;
  readonly validFromMs: number;
  readonly amountMinor: string;
  readonly currency: string;
}

/**
 * Says on the error stream when the amount is no price of the product: of the package of now or of the pass's first day, at the
 * full price or at that of a category to which the rider has a right. A medium is not told when a pass is sold, so that of any
 * counts. Where rights cannot be read, it says whose price it is. Nothing is said where no tariff is at hand.
 */
export async function sayOtherPrice(
  sale: Sale,
  { cityDir, nowMs }: CityHere,
  values: HandInValues,
  io: CommandIo,
): Promise<void> {
  const loaded = cityDir === null ? null : await loadTariffTimeline(join(cityDir, 'tariff'));
  if (!loaded?.ok) return;
  const tariffs = new Set([sale.validFromMs, nowMs()].flatMap((atMs) => loaded.timeline.at(atMs) ?? []));
  const rights = await rightsOf(sale, values, io);
  const said: string[] = [];
  for (const tariff of tariffs) {
    if (pricesOf(tariff, sale).length === 0) continue;
    const text = differs(tariff, sale, rights);
    if (text === null) return;
    said.push(text);
  }
  io.stderr.write(said.join(''));
}

function pricesOf({ pricer }: TariffPackage, { fareProductId }: Sale): readonly ProductRow[] {
  return pricer.feed.products.get(fareProductId) ?? [];
}

/** What is to be said of the amount; `null` = it is as the package has it. */
function differs(tariff: TariffPackage, sale: Sale, rights: ReadonlySet<string> | null): string | null {
  const prices = pricesOf(tariff, sale);
  const isFull = ({ categoryId }: ProductRow) => categoryId === '' || categoryId === tariff.defaultCategoryId;
  const held = new Set(
    tariff.concessions
      .filter((row) => rights?.has(row.concession_id) || rights?.has(row.rider_category_id))
      .map((row) => row.rider_category_id),
  );
  const due = prices.filter((price) => isFull(price) || held.has(price.categoryId));
  const isPaid = ({ amountMinor, currency }: ProductRow) =>
    amountMinor === BigInt(sale.amountMinor) && currency === sale.currency;
  if (due.some(isPaid)) return null;
  const money = (amountMinor: bigint, currency: string) => formatMoney({ amountMinor, currency }, 'en');
  const asked = [...new Set(due.map(({ amountMinor, currency }) => money(amountMinor, currency)))];
  const whose = [...new Set(prices.filter(isPaid).map(({ categoryId }) => categoryId))];
  const right = rights === null ? 'is not known here' : 'this account does not have';
  const hint = whose.length === 0 ? '' : ` That is the price of ${whose.join(', ')}, a right that ${right}.`;
  const paid = money(BigInt(sale.amountMinor), sale.currency);
  return `Warning: the tariff ${tariff.tariff.version_id} asks ${asked.join(' or ')} for ${sale.fareProductId}, not ${paid}.${hint} It is sold as it was said.\n`;
}

/** Names of the rights that the account has on the pass's first day; `null` = they cannot be read here. */
async function rightsOf(
  { accountId, validFromMs }: Sale,
  { data }: HandInValues,
  io: CommandIo,
): Promise<ReadonlySet<string> | null> {
  if (!hearsAnswers(data, io)) return null;
  const { pool } = openAuditDatabase(data, io);
  try {
    const rows = await rowsOf<{ id: string }>(
      pool,
      `SELECT concession_id AS id FROM fare.entitlement AS e
        WHERE account_id = $1 AND valid_from_ms <= $2 AND (valid_until_ms IS NULL OR valid_until_ms > $2)
          AND NOT EXISTS (SELECT FROM fare.entitlement_revocation AS r
                           WHERE r.entitlement_id = e.entitlement_id AND r.valid_until_ms <= $2)`,
      [accountId, validFromMs],
    );
    return new Set(rows.map(({ id }) => id));
  } finally {
    await pool.end();
  }
}
