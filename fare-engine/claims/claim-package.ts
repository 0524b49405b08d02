/** What claims ask of a tariff package: its rules, and full prices for reference media. */
import type { TariffPackage } from '#pricing/tariff-package.ts';
import type { ClaimPackage } from './make-claims.ts';

/** The package as claims see it. A full price is that of the default category. */
export function claimPackage(tariff: TariffPackage): ClaimPackage {
  const { products } = tariff.pricer.feed;
  return {
    hash: tariff.hash,
    compensation: tariff.compensation,
    priceOf: (productId, mediaId) => {
      const rows = (products.get(productId) ?? []).filter(
        ({ categoryId }) => categoryId === '' || categoryId === tariff.defaultCategoryId,
      );
      const found = rows.find((row) => row.mediaId === mediaId) ?? rows.find((row) => row.mediaId === '');
      return found?.amountMinor ?? null;
    },
  };
}
