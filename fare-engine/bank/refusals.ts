/** Why a command about bank cards' money is refused. */
export const BANK_REFUSALS = {
  BOOKING_MISNAMED:
    'the id of a booking says its book, acquirer, day and currency; the detail names the right one',
  CHARGEBACK_DOES_NOT_FIT:
    'the chargeback fits this payment no better: another currency, more than is left, or never cleared; the detail says which',
  CHARGEBACK_NOT_WAITING:
    'the chargeback is some payment’s debt, or somebody has said already whose or what it is',
  CHARGEBACK_NUMBER_TAKEN: 'another chargeback of this acquirer has this number already',
  CHARGEBACK_UNKNOWN: 'this acquirer has told of no such chargeback',
  DEBT_AMOUNT_DIFFERS: 'another amount or currency is owed; the detail names it',
  DEBT_NOT_PAYABLE: 'nothing is owed of it now, or its bank is being asked for it',
  DEBT_UNKNOWN: 'no such payment of a bank card',
  PAYMENT_AUTHORISED: 'its bank has said yes to it already: it can be asked for again, not anew',
  PAYMENT_DECLINED: 'its bank has said no to this request, and says so again: it can be asked anew',
  PAYMENT_NOT_REFUSED: 'the acquirer has not refused the request: there is nothing to take up again',
  REFUND_MAY_BE_DONE:
    'nobody knows whether this refund was done: asked anew the money may go out twice, which has to be said (--risk paid-twice)',
} as const;
export type BankRefusal = keyof typeof BANK_REFUSALS;
