/** A bar for work of known length: drawn over itself on a terminal, a line now and then where output is piped. */

export interface ProgressBar {
  show(done: number): void;
  end(): void;
}

const WIDTH = 30;
const PIPED_STEP_PCT = 25;

export function progressBar(
  stream: NodeJS.WritableStream & { readonly isTTY?: boolean },
  what: string,
  total: number,
): ProgressBar {
  let shownPct = -1;
  return {
    show(done) {
      const pct = total === 0 ? 100 : Math.floor((done / total) * 100);
      const step = stream.isTTY === true ? 1 : PIPED_STEP_PCT;
      const due = shownPct < 0 || pct >= shownPct + step || pct === 100;
      if (!due || pct === shownPct) return;
      shownPct = pct;
      const full = Math.floor((pct * WIDTH) / 100);
      const bar = `${'█'.repeat(full)}${'░'.repeat(WIDTH - full)}`;
      if (stream.isTTY === true) stream.write(`\r${what} ${bar} ${pct} %`);
      else stream.write(`${what} ${pct} %\n`);
    },
    end() {
      if (stream.isTTY === true && shownPct >= 0) stream.write('\n');
    },
  };
}
