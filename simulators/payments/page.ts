/** The hosted page of the sandbox provider: the payer pays, fails, or leaves. No card is asked for: it is a sandbox. */
import { html } from 'ghtml';
import type { Language, Text } from '#contracts/reason-codes.ts';
import type { SandboxPayment } from './books.ts';

const TEXTS = {
  title: { uk: 'Оплата', en: 'Payment', de: 'Zahlung', pl: 'Płatność' },
  sandbox: {
    uk: 'Пісочниця: справжніх грошей тут немає, картку не питаємо.',
    en: 'A sandbox: there is no real money here, no card is asked for.',
    de: 'Ein Übungsplatz: hier gibt es kein echtes Geld, keine Karte wird verlangt.',
    pl: 'Piaskownica: nie ma tu prawdziwych pieniędzy, nie pytamy o kartę.',
  },
  pay: { uk: 'Заплатити', en: 'Pay', de: 'Bezahlen', pl: 'Zapłać' },
  fail: {
    uk: 'Банк відмовляє',
    en: 'The bank refuses',
    de: 'Die Bank lehnt ab',
    pl: 'Bank odmawia',
  },
  cancel: { uk: 'Скасувати', en: 'Cancel', de: 'Abbrechen', pl: 'Anuluj' },
  over: {
    uk: 'Цю оплату вже завершено.',
    en: 'This payment is over already.',
    de: 'Diese Zahlung ist schon beendet.',
    pl: 'Ta płatność jest już zakończona.',
  },
  back: { uk: 'Повернутися', en: 'Go back', de: 'Zurück', pl: 'Wróć' },
} as const satisfies Record<string, Text>;

/** The page of one payment; `money` is its amount in words. */
export function payPage({ language, description, state, returnUrl }: SandboxPayment, money: string): string {
  const lang = language as Language;
  const t = (key: keyof typeof TEXTS): string => TEXTS[key][lang];
  const button = (act: string, key: 'pay' | 'fail' | 'cancel') =>
    html`<button name="act" value="${act}" class="${key}">${t(key)}</button>`;
  const open = html`<form method="post">!${button('paid', 'pay')} !${button('failed', 'fail')} !${button('cancelled', 'cancel')}</form>`;
  const over = html`<p>${t('over')}</p><p><a href="${returnUrl}">${t('back')}</a></p>`;
  return html`<!doctype html>
<html lang="${lang}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${t('title')}</title><link rel="stylesheet" href="/pay.css"></head>
<body><main><h1>${t('title')}: ${money}</h1><p>${description}</p><p class="note">${t('sandbox')}</p>
!${state === 'open' ? open : over}</main></body>
</html>
`;
}

/** Its style sheet. */
export const PAY_CSS = `:root{color-scheme:light dark;font:18px/1.5 system-ui,sans-serif}
body{margin:0}main{max-width:26rem;margin:2rem auto;padding:0 1rem}.note{border-left:4px solid #b45309;padding-left:.75rem}
button{display:block;width:100%;margin:.75rem 0;padding:.9rem;font:inherit;border:2px solid currentColor;border-radius:.6rem;background:none;color:inherit}
button.pay{background:#0f6b3a;border-color:#0f6b3a;color:#fff}button:focus-visible,a:focus-visible{outline:3px solid #2563eb;outline-offset:3px}
`;
