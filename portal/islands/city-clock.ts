/** City time goes on between the server's words, as fast as the city's clock runs. */

export interface PageClock {
  set(now: { nowMs: number; speed: number }): void;
}

const TICK_MS = 250;

/** Starts the clock of the header from the attributes the server wrote. */
export function startCityClock(): PageClock {
  const element = document.getElementById('city-time');
  const dateElement = document.getElementById('city-date');
  const { now, speed, zone } = element?.dataset ?? {};
  const language = document.documentElement.lang;
  const options = { timeZone: zone ?? 'UTC' } as const;
  const clock = new Intl.DateTimeFormat(language, {
    ...options,
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
    hourCycle: 'h23',
  });
  const day = new Intl.DateTimeFormat(language, {
    ...options,
    weekday: 'short',
    day: 'numeric',
    month: 'long',
  });
  let base = { nowMs: Number(now ?? 0), speed: Number(speed ?? 1), heardAtMs: performance.now() };

  setInterval(() => {
    const cityMs = base.nowMs + (performance.now() - base.heardAtMs) * base.speed;
    if (element) element.textContent = clock.format(cityMs);
    const date = day.format(cityMs);
    if (dateElement && dateElement.textContent !== date) dateElement.textContent = date;
  }, TICK_MS);

  return {
    set(heard) {
      base = { ...heard, heardAtMs: performance.now() };
    },
  };
}
