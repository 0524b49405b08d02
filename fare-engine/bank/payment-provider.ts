/**
 * The port to the payment provider at whose page riders pay debts. Every payment has a key of ours: made again under the same
 * key, it is the same payment. Whatever comes back is a value; nothing that went wrong is an exception.
 */

export interface PaymentWish {
  readonly key: string;
  readonly amountMinor: bigint;
  readonly currency: string;
  /** What the payer reads. */
  readonly description: string;
  readonly language: 'uk' | 'en' | 'de' | 'pl';
  /** Where the payer goes afterwards, whatever the outcome. */
  readonly returnUrl: string;
  readonly expiresInS: number;
}

/** What the provider says of a payment. */
export interface ProviderPayment {
  /** Under which the provider knows it, also in its report. */
  readonly reference: string;
  readonly state: 'open' | 'paid' | 'failed' | 'cancelled' | 'expired';
  readonly amountMinor: bigint;
  readonly currency: string;
  readonly payUrl: string;
}

export interface RefundWish {
  readonly key: string;
  /** Of the payment. */
  readonly reference: string;
  readonly amountMinor: bigint;
  readonly currency: string;
}

/** Why there is no answer that counts. */
export type NoAnswer =
  /** Whether it was done is not known: ask again. */
  | { readonly outcome: 'silent'; readonly why: string }
  /** This request will never do. */
  | { readonly outcome: 'refused'; readonly why: string };

export type PaymentAnswer = { readonly outcome: 'known'; readonly payment: ProviderPayment } | NoAnswer;
export type StatusAnswer = PaymentAnswer | { readonly outcome: 'unknown' };
export type RefundAnswer =
  | { readonly outcome: 'refunded'; readonly reference: string }
  | { readonly outcome: 'declined' }
  | NoAnswer;

export interface PaymentProvider {
  create(wish: PaymentWish): Promise<PaymentAnswer>;
  /** `unknown`: it never got the key. */
  status(key: string): Promise<StatusAnswer>;
  refund(wish: RefundWish): Promise<RefundAnswer>;
}
