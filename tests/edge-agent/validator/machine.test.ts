import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Fault,
  type Surroundings,
  step,
  type ValidatorEvent,
  type ValidatorState,
} from '../../../edge-agent/validator/machine.ts';

const AT = 10_000;
const around: Surroundings = {
  nowMs: AT,
  fault: null,
  answerShownMs: 1500,
  dialogMs: { companion: 5000, staff: 60_000 },
};
const broken: Surroundings = { ...around, fault: 'disk' };

const waiting: ValidatorState = { name: 'waiting' };
const reading: ValidatorState = { name: 'reading' };
const answered: ValidatorState = { name: 'answered', untilMs: AT + 1, dialog: null };
const answeredOver: ValidatorState = { name: 'answered', untilMs: AT, dialog: null };
const asking: ValidatorState = { name: 'answered', untilMs: AT + 1, dialog: 'companion' };
const cooling: ValidatorState = { name: 'cooling', untilMs: AT + 1 };
const coolingOver: ValidatorState = { name: 'cooling', untilMs: AT };
const outOfOrder: ValidatorState = { name: 'out-of-order', fault: 'disk', shownUntilMs: AT };
const justOut: ValidatorState = { name: 'out-of-order', fault: 'disk', shownUntilMs: AT + 1 };

const card: ValidatorEvent = { kind: 'card' };
const answer: ValidatorEvent = { kind: 'answer', dialog: null };
const ask: ValidatorEvent = { kind: 'answer', dialog: 'companion' };
const notRecorded: ValidatorEvent = { kind: 'not-recorded' };
const yes: ValidatorEvent = { kind: 'press', dialog: 'companion' };
const done: ValidatorEvent = { kind: 'press', dialog: null };
const look: ValidatorEvent = { kind: 'look' };

const shown = (ms: number, dialog: 'companion' | 'staff' | null = null): ValidatorState => ({
  name: 'answered',
  untilMs: AT + ms,
  dialog,
});
const out = (shownUntilMs: number, fault: Fault = 'disk'): ValidatorState => ({
  name: 'out-of-order',
  fault,
  shownUntilMs,
});

describe('every transition', () => {
  it.each<[string, ValidatorState, ValidatorEvent, Surroundings, ValidatorState]>([
    ['waiting: a card comes', waiting, card, around, reading],
    ['waiting: nothing happens', waiting, look, around, waiting],
    ['waiting: something breaks', waiting, look, broken, out(AT)],
    ['waiting: a late key', waiting, yes, around, waiting],
    ['reading: the answer', reading, answer, around, shown(1500)],
    ['reading: an answer that asks', reading, ask, around, shown(5000, 'companion')],
    ['reading: staff', reading, { kind: 'answer', dialog: 'staff' }, around, shown(60_000, 'staff')],
    ['reading: too many refusals', reading, notRecorded, around, { name: 'cooling', untilMs: AT + 1500 }],
    ['reading: an answer while broken', reading, ask, broken, out(AT + 1500)],
    ['reading: too many refusals while broken', reading, notRecorded, broken, out(AT + 1500)],
    ['reading: time goes by', reading, look, around, reading],
    ['reading: something breaks, the card is answered first', reading, look, broken, reading],
    ['reading: a key', reading, yes, around, reading],
    ['answered: the next card', answered, card, around, reading],
    ['answered: one millisecond before its end', answered, look, around, answered],
    ['answered: at its end', answeredOver, look, around, waiting],
    ['answered: something breaks, the answer stays', answered, look, broken, out(AT + 1)],
    ['answered: a key without a dialog', answered, yes, around, answered],
    ['asking: yes, and once more', asking, yes, around, shown(5000, 'companion')],
    ['asking: yes or no, and done', asking, done, around, shown(1500)],
    ['asking: another card', asking, card, around, reading],
    ['cooling: a card is read all the same', cooling, card, around, reading],
    ['cooling: before its end', cooling, look, around, cooling],
    ['cooling: at its end', coolingOver, look, around, waiting],
    ['cooling: a key', cooling, done, around, cooling],
    ['cooling: something breaks', cooling, look, broken, out(AT + 1)],
    ['out of order: it goes on', outOfOrder, look, broken, outOfOrder],
    ['out of order: another fault', outOfOrder, look, { ...broken, fault: 'reader' }, out(AT, 'reader')],
    ['out of order: a card', outOfOrder, card, broken, reading],
    ['out of order: mended', outOfOrder, look, around, waiting],
    ['out of order: mended while the answer still stands', justOut, look, around, shown(1)],
    ['out of order: a key', outOfOrder, yes, broken, outOfOrder],
  ])('%s', (_what, from, event, surroundings, to) => {
    expect(step(from, event, surroundings)).toEqual(to);
  });
});

describe('whatever happens', () => {
  const events = fc.array(
    fc.tuple(
      fc.constantFrom(card, answer, ask, notRecorded, yes, done, look),
      fc.constantFrom<Fault | null>(null, null, 'disk', 'reader', 'journal-full'),
      fc.nat(4000),
    ),
    { maxLength: 40 },
  );

  it('time alone leads back to waiting, and a fault to out of order, from every state but reading', () => {
    fc.assert(
      fc.property(events, (steps) => {
        let nowMs = 0;
        let state: ValidatorState = waiting;
        for (const [event, fault, passesMs] of steps) {
          nowMs += passesMs;
          state = step(state, event, { ...around, nowMs, fault });
        }
        if (state.name === 'reading') return;
        const late = { ...around, nowMs: nowMs + 100_000 };
        expect(step(state, look, late)).toEqual(waiting);
        expect(step(state, look, { ...late, fault: 'disk' }).name).toBe('out-of-order');
      }),
      { numRuns: 500 },
    );
  });
});
