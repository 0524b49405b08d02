/** A made-up morning over the real network: for looking at the page, and for tests that need a full one. */
import type { CityGeo } from '../../../portal/city-geo.ts';
import type { TapRow, TotalRow } from '../../../portal/ports.ts';
import { aDevice, aFreeExplanation, aHealth, aTap, EPOCH, type FakeViews } from './fake-views.ts';

/** Small, seeded, good enough for pictures (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Sort {
  readonly kind: string;
  readonly category: string;
  readonly concession: string | null;
  readonly funding: string | null;
  readonly gross: bigint;
  readonly share: number;
}

const LAW = 'city-budget-law';
const SORTS: readonly Sort[] = [
  { kind: 'wallet', category: 'full', concession: null, funding: null, gross: 1400n, share: 0.3 },
  { kind: 'bank', category: 'full', concession: null, funding: null, gross: 1500n, share: 0.22 },
  { kind: 'social', category: 'full', concession: null, funding: null, gross: 1200n, share: 0.12 },
  { kind: 'social', category: 'pensioner', concession: 'pensioner', funding: LAW, gross: 1200n, share: 0.17 },
  {
    kind: 'social',
    category: 'pupil',
    concession: 'pupil-municipal',
    funding: 'city-budget-education',
    gross: 1200n,
    share: 0.1,
  },
  { kind: 'social', category: 'combatant', concession: 'combatant', funding: LAW, gross: 1200n, share: 0.05 },
  {
    kind: 'social',
    category: 'disability-2',
    concession: 'disability-2',
    funding: LAW,
    gross: 1200n,
    share: 0.04,
  },
];

/** Moves a demo city: vehicles along their lines, a tap now and then, sums that follow. */
export interface DemoCity {
  step(nowMs: number): void;
}

/** Fills the views; each `step` moves it on. */
export function demoCity(views: FakeViews, geo: CityGeo, startMs: number, seed = 7): DemoCity {
  const random = seeded(seed);
  const buses = geo.routes.flatMap((route) =>
    [0, 0.34, 0.67].map((phase, i) => ({
      route,
      phase,
      vehicleId: `${route.properties['routeId']}-${i + 1}`,
      deviceId: `val-${route.id}0${i + 1}`,
    })),
  );
  let seq = 0;
  let ready = false;

  function along(bus: (typeof buses)[number], nowMs: number) {
    const points = bus.route.geometry.coordinates;
    const loop = ((nowMs - startMs) / 1_800_000 + bus.phase * 2) % 2;
    const share = loop <= 1 ? loop : 2 - loop;
    const at = share * (points.length - 1);
    const [i, rest] = [Math.min(points.length - 2, Math.floor(at)), at % 1];
    const [a, b] = [points[i] as [number, number], points[i + 1] as [number, number]];
    const turn = (Math.atan2((b[0] - a[0]) * 0.65, b[1] - a[1]) * 180) / Math.PI + (loop <= 1 ? 0 : 180);
    return {
      lon: a[0] + (b[0] - a[0]) * rest,
      lat: a[1] + (b[1] - a[1]) * rest,
      bearing: (turn + 360) % 360,
    };
  }

  function addTap(atMs: number): void {
    const bus = buses[Math.floor(random() * buses.length)] as (typeof buses)[number];
    let pick = random();
    const sort =
      SORTS.find((candidate) => {
        pick -= candidate.share;
        return pick < 0;
      }) ?? (SORTS[0] as Sort);
    const carrierId = String(bus.route.properties['carrierId']);
    const half = sort.category === 'pupil' && carrierId !== 'tet' && carrierId !== 'mat';
    const transfer = random() < 0.14;
    const relief = sort.concession === null ? 0n : half ? sort.gross / 2n : sort.gross;
    const stops = geo.stops;
    seq += 1;
    const tap: TapRow = aTap({
      tapId: `${bus.deviceId}.${EPOCH}.${seq}`,
      deviceId: bus.deviceId,
      vehicleId: bus.vehicleId,
      carrierId,
      routeId: String(bus.route.properties['routeId']),
      stopId: String(stops[Math.floor(random() * stops.length)]?.properties['stopId'] ?? ''),
      fareAtMs: atMs,
      receivedAtMs: atMs + 1200,
      decidedAtMs: atMs + 1200 + Math.floor(200 + random() * 900),
      mediumKind: sort.kind,
      kind: transfer ? 'transfer' : 'ride',
      riderCategoryId: sort.category,
      concessionId: transfer ? null : sort.concession,
      fundingId: transfer ? null : sort.funding,
      grossMinor: sort.gross,
      riderMinor: transfer ? 0n : sort.gross - relief,
      transferMinor: transfer ? sort.gross : 0n,
      concessionMinor: transfer ? 0n : relief,
      flags: random() < 0.03 ? ['CLOCK_UNSYNCED'] : [],
    });
    views.taps.unshift(tap);
    views.explanationRows.set(tap.tapId, [
      aFreeExplanation({
        steps: [
          {
            kind: 'base',
            ruleId: `leg-${sort.kind}`,
            act: 'te-vk-2024',
            article: 'п. 1',
            beforeMinor: '0',
            afterMinor: String(sort.gross),
            params: {
              medium: { social: 'social_card', wallet: 'anonymous_card', bank: 'bank_card' }[sort.kind] ?? '',
            },
          },
          ...(tap.concessionId === null
            ? []
            : [
                {
                  kind: 'concession',
                  ruleId: tap.concessionId,
                  act: 'cmu-354',
                  article: 'п. 1',
                  beforeMinor: String(sort.gross),
                  afterMinor: String(tap.riderMinor),
                  params: { concession: tap.concessionId },
                },
              ]),
          ...(transfer
            ? [
                {
                  kind: 'transfer',
                  ruleId: 'transfer-30',
                  act: 'te-vk-2024',
                  article: 'п. 3',
                  beforeMinor: String(sort.gross),
                  afterMinor: '0',
                  params: { minutes: '12', limitMinutes: '30' },
                },
              ]
            : []),
        ],
        postings: [
          ...(tap.riderMinor > 0n
            ? [
                {
                  debit: 'rider',
                  credit: `revenue:${carrierId}`,
                  amountMinor: String(tap.riderMinor),
                  currency: 'UAH',
                },
              ]
            : []),
          ...(tap.concessionMinor > 0n
            ? [
                {
                  debit: `budget:${tap.fundingId}`,
                  credit: `revenue:${carrierId}`,
                  amountMinor: String(tap.concessionMinor),
                  currency: 'UAH',
                },
              ]
            : []),
        ],
        decidedAtMs: tap.decidedAtMs,
      }),
    ]);
  }

  function sums(): void {
    const totals = new Map<string, TotalRow>();
    for (const tap of views.taps) {
      const keys = [
        ['medium', tap.mediumKind],
        ['category', tap.riderCategoryId],
        ['carrier', tap.carrierId],
      ] as const;
      for (const [dimension, key] of keys) {
        const id = `${dimension}/${key}`;
        const row = totals.get(id) ?? {
          dimension,
          key,
          rides: 0n,
          claimRides: 0n,
          grossMinor: 0n,
          riderMinor: 0n,
          concessionMinor: 0n,
          currency: 'UAH',
        };
        totals.set(id, {
          ...row,
          rides: row.rides + 1n,
          claimRides: row.claimRides + (tap.concessionMinor > 0n ? 1n : 0n),
          grossMinor: row.grossMinor + tap.grossMinor,
          riderMinor: row.riderMinor + tap.riderMinor,
          concessionMinor: row.concessionMinor + tap.concessionMinor,
        });
      }
    }
    views.totalRows = [...totals.values()];
    const owed = Map.groupBy(
      views.taps.filter((tap) => tap.fundingId !== null),
      (tap) => [tap.fundingId, tap.carrierId, tap.concessionId].join('|'),
    );
    views.budgetRows = [...owed].map(([key, taps]) => {
      const [fundingId, carrierId, concessionId] = key.split('|') as [string, string, string];
      return {
        fundingId,
        carrierId,
        concessionId,
        claimRides: BigInt(taps.length),
        amountMinor: taps.reduce((sum, tap) => sum + tap.concessionMinor, 0n),
        currency: 'UAH',
      };
    });
    const [paid, granted] = [
      views.taps.reduce((sum, tap) => sum + tap.riderMinor, 0n),
      views.taps.reduce((sum, tap) => sum + tap.concessionMinor, 0n),
    ];
    views.ledgerRows = [
      { kind: 'rider', currency: 'UAH', pendingMinor: paid, postedMinor: 0n },
      { kind: 'budget', currency: 'UAH', pendingMinor: granted, postedMinor: 0n },
      { kind: 'revenue', currency: 'UAH', pendingMinor: -paid - granted, postedMinor: 0n },
    ];
    const count = BigInt(views.taps.length);
    views.countsRow = {
      ...views.countsRow,
      taps: count,
      decidedTaps: count,
      tapRecords: count,
      records: count + count / 9n,
      quarantined: 3n,
    };
    views.quarantineRows = [
      { reason: 'INGEST_BAD_SIGNATURE', items: 2n, lastAtMs: startMs + 60_000 },
      { reason: 'INGEST_UNKNOWN_DEVICE', items: 1n, lastAtMs: startMs + 90_000 },
    ];
    const slices = Map.groupBy(views.taps, (tap) => Math.floor(tap.decidedAtMs / 60_000) * 60_000);
    views.paceRows = [...slices]
      .sort(([a], [b]) => a - b)
      .map(([sliceMs, taps]) => {
        const waits = taps.map((tap) => tap.decidedAtMs - tap.receivedAtMs).sort((a, b) => a - b);
        return {
          startMs: sliceMs,
          taps: taps.length,
          latencyMsMedian: waits[Math.floor(waits.length / 2)] ?? 0,
          latencyMsP95: waits[Math.floor(waits.length * 0.95)] ?? 0,
        };
      });
  }

  return {
    step(nowMs) {
      if (!ready) {
        for (
          let atMs = startMs;
          atMs < nowMs;
          atMs += 2600 + random() * 5200 * (1.3 - Math.sin((atMs - startMs) / 1_400_000))
        )
          addTap(atMs);
        ready = true;
      } else if (random() < 0.5) addTap(nowMs - 1800);
      sums();
      views.deviceRows = buses.map((bus, i) => {
        const sort = i === 4 ? 'offline' : i === 11 ? 'broken' : 'fine';
        return aDevice(bus.deviceId, {
          online: sort !== 'offline',
          lastSeenMs: sort === 'offline' ? startMs + 600_000 : nowMs - Math.floor(random() * 4000),
          gaps: i === 4 ? 1n : 0n,
          health: aHealth(bus.deviceId, {
            atMs: sort === 'offline' ? startMs + 600_000 : nowMs,
            reader: { state: sort === 'broken' ? 'absent' : 'ready', recoveries: sort === 'broken' ? 3 : 0 },
            where: { vehicleId: bus.vehicleId, routeId: String(bus.route.properties['routeId']) },
            position: along(bus, sort === 'offline' ? startMs + 600_000 : nowMs),
            nextStopId: String(geo.stops[(i * 5) % geo.stops.length]?.properties['stopId'] ?? ''),
            journal: {
              unreceipted: sort === 'offline' ? 214 : Math.floor(random() * 4),
              kept: 900,
              capacity: 50_000,
            },
          }),
        });
      });
    },
  };
}
