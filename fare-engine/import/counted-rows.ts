/** Rows that say what an earlier system counted: each becomes a word that is kept as rights are (pricing/elsewhere.ts). Pure. */
import { createHash } from 'node:crypto';
import { begunWord, SPENT, USED, USES } from '#pricing/elsewhere.ts';
import { calendarOf, periodAt } from '#pricing/period.ts';
import type { ImportRow } from './import-files.ts';
import { shown } from './problems.ts';
import { CellReader } from './row-cells.ts';

const RIDES = /^(0|[1-9]\d{0,4})$/;
const TRANSFERS = /^(0|[1-9]\d?)$/;
/** As a command takes it that grants the word anew (contracts/ids.ts). */
const WORD_MAX = 128;

/** One id for one thing that is counted: a second count of it is found, whatever it says. */
function idOf(kind: 'quota' | 'uses' | 'spent' | 'begun', about: readonly unknown[]): string {
  const text = `kvytok ${kind}\n${JSON.stringify(about)}`;
  return `${kind}-${createHash('sha256').update(text).digest('hex').slice(0, 32)}`;
}

export class CountedRows extends CellReader {
  /** Becomes a right of its own kind, which holds for the window in which the quota counts (quotas.ts). */
  quota(): ImportRow {
    const concession = this.cell('concession_id');
    const fromMs = this.counted('period_from');
    const untilMs = this.quotaEnd(concession, fromMs);
    const rides = this.rides(
      'rides',
      'Write 0 to 99999: rides under this concession since the period began.',
    );
    const takenMinor = this.noLess(
      'a concession takes something off, or nothing',
      'Write what it took off since the period began, or nothing.',
    );
    const about = [this.cell('account_id'), concession, fromMs];
    return this.row({
      id: idOf('quota', about),
      ref: `${USED}${concession}:${rides}:${takenMinor}`,
      fromMs,
      untilMs,
    });
  }

  private quotaEnd(concession: string, fromMs: number): number | null {
    const window = this.terms.quotas.get(concession);
    if (window === undefined) {
      this.fail(
        'IMPORT_REFERENCE',
        'concession_id',
        `no tariff gives the concession ${shown(concession)} a quota`,
        'Use an id of concessions.yaml with a quota_window.',
      );
      return null;
    }
    const calendar = calendarOf(this.terms.zone, '00:00');
    const { from, untilMs } = periodAt(calendar, window, fromMs);
    if (fromMs !== calendar.startOfMs(from) && !this.isWrong('period_from'))
      this.fail(
        'IMPORT_VALUE',
        'period_from',
        `this quota counts by the ${window}`,
        `Write the date on which its period began: ${from}.`,
      );
    return untilMs;
  }

  /** Rides of a holding. They hold from the first of them on. */
  uses(): ImportRow {
    const passId = this.name('pass_id');
    const rides = this.rides('rides', 'Write how many rides it has paid for, 1 to 99999.');
    if (rides === '0')
      this.fail(
        'IMPORT_VALUE',
        'rides',
        'no ride is no use',
        'Leave the row out and write yes in unused of passes.csv.',
      );
    return this.row({
      id: idOf('uses', [passId]),
      ref: this.word(`${USES}${passId}:${rides}`, 'pass_id'),
      fromMs: this.past('first_used'),
    });
  }

  /** What counts against a cap, for the window in which it does. */
  spent(): ImportRow {
    const capId = this.cell('cap_id');
    const cap = this.terms.caps.get(capId);
    const fromMs = this.counted('period_from');
    const untilMs = cap?.untilMs(fromMs) ?? null;
    if (cap === undefined)
      this.fail(
        'IMPORT_REFERENCE',
        'cap_id',
        `no tariff knows the cap ${shown(capId)}`,
        'Use an id of caps.yaml.',
      );
    else if (untilMs === null && !this.isWrong('period_from'))
      this.fail(
        'IMPORT_VALUE',
        'period_from',
        'no window of this cap begins then',
        'Write the first instant of its day, week or month; days begin at day_start of caps.yaml.',
      );
    const counted = cap?.basis === 'rides' ? 'rides' : 'amount';
    if (cap !== undefined && this.cell(counted) === '')
      this.fail('IMPORT_VALUE', counted, `this cap counts ${counted}`, 'Write what it has counted so far.');
    const minor = this.noLess(
      'a rider paid something, or nothing',
      'Write what the rider paid in this window, or nothing.',
    );
    const rides =
      this.cell('rides') === '' ? '0' : this.rides('rides', 'Write 0 to 99999: rides that were paid for.');
    return this.row({
      id: idOf('spent', [this.cell('account_id'), capId, fromMs]),
      ref: this.word(`${SPENT}${capId}:${minor}:${rides}`, 'cap_id'),
      fromMs,
      untilMs,
    });
  }

  /** The last ride of an account, which a transfer may follow. */
  begun(): ImportRow {
    const fromMs = this.past('at');
    const routeId = this.cell('route_id');
    if (!this.terms.routes.has(routeId))
      this.fail(
        'IMPORT_REFERENCE',
        'route_id',
        `no tariff knows the route ${shown(routeId)}`,
        'Use an id of route_networks.txt.',
      );
    const transfers = this.cell('transfers') || '0';
    if (!TRANSFERS.test(transfers))
      this.fail(
        'IMPORT_VALUE',
        'transfers',
        `${shown(transfers)} is no number of transfers`,
        'Write 0 to 99: how many transfers led to this ride.',
      );
    const startedAtMs = this.cell('first_at') === '' ? fromMs : this.counted('first_at');
    if (transfers === '0' ? startedAtMs !== fromMs : startedAtMs >= fromMs)
      this.fail(
        'IMPORT_VALUE',
        'first_at',
        'not when the first of these rides began',
        'With transfers it lies before at; without them leave it out.',
      );
    const ride = {
      routeId,
      stopId: this.cell('stop_id') || null,
      vehicleId: this.cell('vehicle_id') || null,
      transferCount: Number(transfers),
      startedAtMs,
    };
    return this.row({
      id: idOf('begun', [this.cell('account_id'), fromMs]),
      ref: this.word(begunWord(ride), 'route_id'),
      fromMs,
    });
  }

  /** The amount of a row in minor units; an empty cell is nothing, and there is no less than that. */
  private noLess(message: string, howToMend: string): string {
    const minor = this.cell('amount') === '' ? '0' : this.amount('amount', this.currency());
    if (minor.startsWith('-')) this.fail('IMPORT_VALUE', 'amount', message, howToMend);
    return minor;
  }

  private rides(column: string, howToMend: string): string {
    const text = this.cell(column);
    if (!RIDES.test(text))
      this.fail('IMPORT_VALUE', column, `${shown(text)} is no number of rides`, howToMend);
    return text;
  }

  private word(text: string, column: string): string {
    if (text.length > WORD_MAX)
      this.fail(
        'IMPORT_VALUE',
        column,
        'the ids of this row are too long together',
        'Use shorter ids: 90 characters for all of them fit.',
      );
    return text;
  }
}
