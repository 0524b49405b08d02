/** Two small plots (uPlot): taps a minute, and time to decision with the queue. Their words stand beside them. */
import type uPlotType from 'uplot';
import type { PaceWire } from '../schemas.ts';

declare const uPlot: typeof uPlotType;

export interface Plots {
  draw(pace: PaceWire & { speed: number }): void;
}

const HEIGHT_PX = 150;

/** Makes both plots in their places. */
export function createPlots(): Plots {
  const tapsPlace = document.getElementById('plot-taps');
  const latencyPlace = document.getElementById('plot-latency');
  const dark = matchMedia('(prefers-color-scheme: dark)');
  let plots: { taps: uPlotType; latency: uPlotType } | undefined;
  let last: (PaceWire & { speed: number }) | undefined;

  function build(): void {
    if (!tapsPlace || !latencyPlace) return;
    plots?.taps.destroy();
    plots?.latency.destroy();
    plots = {
      taps: new uPlot(tapsOptions(tapsPlace), [[], []], tapsPlace),
      latency: new uPlot(latencyOptions(latencyPlace), [[], [], [], []], latencyPlace),
    };
    if (last) draw(last);
  }

  function draw(pace: PaceWire & { speed: number }): void {
    last = pace;
    // The newest slice is still filling and would always look like a collapse.
    const slices = pace.slices.slice(0, -1);
    const x = slices.map((slice) => slice.startMs / 1000);
    const real = (cityMs: number) => cityMs / pace.speed;
    plots?.taps.setData([x, slices.map((slice) => slice.tapsPerMinute)]);
    plots?.latency.setData([
      x,
      slices.map((slice) => real(slice.latencyMsP95)),
      slices.map((slice) => real(slice.latencyMsMedian)),
      slices.map((slice) => slice.queue),
    ]);
  }

  build();
  dark.addEventListener('change', build);
  if (tapsPlace && latencyPlace) {
    new ResizeObserver(() => {
      plots?.taps.setSize({ width: tapsPlace.clientWidth, height: HEIGHT_PX });
      plots?.latency.setSize({ width: latencyPlace.clientWidth, height: HEIGHT_PX });
    }).observe(tapsPlace);
  }
  return { draw };
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

function common(place: HTMLElement): Omit<uPlotType.Options, 'series'> {
  const zone = document.getElementById('city-time')?.dataset['zone'] ?? 'UTC';
  const clock = new Intl.DateTimeFormat(document.documentElement.lang, {
    timeZone: zone,
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });
  const axis = {
    stroke: colour('--ink-soft'),
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
    font: '12px system-ui, sans-serif',
  };
  return {
    width: place.clientWidth,
    height: HEIGHT_PX,
    cursor: { show: false },
    legend: { show: false },
    axes: [
      {
        ...axis,
        grid: { show: false },
        values: (_plot, values) => values.map((s) => clock.format(s * 1000)),
      },
      { ...axis, size: 44 },
    ],
    scales: { y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.15)] } },
  };
}

function tapsOptions(place: HTMLElement): uPlotType.Options {
  const series = {
    stroke: colour('--accent'),
    fill: colour('--accent-faint'),
    width: 2,
    points: { show: false },
  };
  return { ...common(place), series: [{}, series] };
}

function latencyOptions(place: HTMLElement): uPlotType.Options {
  const options = common(place);
  const line = (name: string, extra: Partial<uPlotType.Series> = {}): uPlotType.Series => ({
    stroke: colour(name),
    width: 2,
    points: { show: false },
    ...extra,
  });
  return {
    ...options,
    axes: [
      ...(options.axes ?? []),
      {
        scale: 'queue',
        side: 1,
        size: 40,
        stroke: colour('--ink-soft'),
        grid: { show: false },
        ticks: { show: false },
        font: '12px system-ui, sans-serif',
      },
    ],
    scales: { ...options.scales, queue: { range: (_plot, _low, high) => [0, Math.max(4, high * 1.15)] } },
    series: [
      {},
      line('--rider'),
      line('--accent', { dash: [2, 4] }),
      line('--budget', { scale: 'queue', dash: [8, 4], spanGaps: false }),
    ],
  };
}
