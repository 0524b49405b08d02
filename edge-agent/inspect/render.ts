/** From a view to the words of all four languages: the page changes its language by itself. Pure. */
import { formatMoney, type Money, parseAmountMinor } from '#contracts/money.ts';
import { LANGUAGES, type Language, reasonText } from '#contracts/reason-codes.ts';
import { articleText } from '#pricing/article-text.ts';
import { EVIDENCE, LABELS, SENTENCES, TITLES } from './texts.ts';
import type { InspectorSign, InspectorView } from './view.ts';

/** A line of label and value. */
export type Line = readonly [label: string, value: string];

/** What stands on the page in one language. */
export interface InspectorWords {
  readonly title: string;
  readonly text: string;
  /** What the result stands on. */
  readonly lines: readonly Line[];
  /** The paper, where one is prepared. */
  readonly protocol: readonly Line[];
  /** Empty while online. */
  readonly offline: string;
}

export interface InspectorMessage {
  readonly sign: InspectorSign;
  readonly vehicleId: string;
  /** Whether a passenger can be checked now. */
  readonly open: boolean;
  /** Number of this result since the start; 0 = no result. Two that look the same are two. */
  readonly checkNo: number;
  readonly words: Readonly<Record<Language, InspectorWords>>;
}

/** Whether a view is an answer to a card, and not what is to be done first. */
export function isResult({ sign }: Pick<InspectorView, 'sign'>): boolean {
  return sign !== 'closed' && sign !== 'choose-vehicle' && sign !== 'ready';
}

/** @param zone of the city, in which people read times. */
export function renderInspection(view: InspectorView, zone: string, checkNo = 0): InspectorMessage {
  const words = Object.fromEntries(
    LANGUAGES.map((language) => [language, wordsOf(view, language, zone)]),
  ) as Record<Language, InspectorWords>;
  const { sign, vehicleId = '' } = view;
  return { sign, vehicleId, open: sign !== 'closed' && sign !== 'choose-vehicle', checkNo, words };
}

function wordsOf(view: InspectorView, language: Language, zone: string): InspectorWords {
  const { sign, reason, online } = view;
  const sentence = SENTENCES[sign]?.[language] ?? '';
  return {
    title: TITLES[sign][language],
    text: sentence === '' && reason !== undefined ? reasonText(reason, language) : sentence,
    lines: linesOf(view, language, zone),
    protocol: protocolLines(view, language, zone),
    offline: online ? '' : LABELS.offline[language],
  };
}

function linesOf(
  { ride, evidence, outOfOrder, reason, sign }: InspectorView,
  language: Language,
  zone: string,
) {
  const lines: Line[] = [];
  if (ride) {
    const by = evidence === 'card-log' || evidence === 'vehicle' ? `, ${EVIDENCE[evidence][language]}` : '';
    lines.push([LABELS.tappedAt[language], `${timeOf(ride.atMs, language, zone)}${by}`]);
    if (ride.companions > 0) lines.push([LABELS.companions[language], String(ride.companions)]);
    if (ride.bags) lines.push([LABELS.bags[language], String(ride.bags)]);
  }
  if (outOfOrder && outOfOrder.length > 0) lines.push([LABELS.broken[language], outOfOrder.join(', ')]);
  // Where another sentence stands below the sign, why the card is not taken stands here.
  if (reason !== undefined && SENTENCES[sign])
    lines.push([TITLES.refused[language], reasonText(reason, language)]);
  return lines;
}

/** The paper in one language: everything that it must name and nothing of the passenger. */
export function protocolLines(view: InspectorView, language: Language, zone: string): Line[] {
  const { protocol, vehicleId, routeId, staffId, atMs } = view;
  if (!protocol) return [];
  const money = (minor: string): Money => ({
    amountMinor: parseAmountMinor(minor),
    currency: protocol.currency,
  });
  const fare = formatMoney(money(protocol.fareMinor), language);
  return [
    [LABELS.protocol[language], protocol.number],
    [LABELS.time[language], `${dayOf(atMs, language, zone)} ${timeOf(atMs, language, zone)}`],
    [LABELS.place[language], [vehicleId, routeId].filter((part) => part !== undefined).join(' · ')],
    [LABELS.fare[language], fare],
    [
      LABELS.penalty[language],
      `${formatMoney(money(protocol.penaltyMinor), language)} = ${protocol.factor} × ${fare}`,
    ],
    [LABELS.act[language], `${protocol.actNames[language]}, ${articleText(protocol.article, language)}`],
    [LABELS.inspector[language], staffId ?? ''],
  ];
}

function timeOf(atMs: number, language: Language, timeZone: string): string {
  return new Intl.DateTimeFormat(language, {
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
    timeZone,
  }).format(atMs);
}

function dayOf(atMs: number, language: Language, timeZone: string): string {
  return new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeZone }).format(atMs);
}
