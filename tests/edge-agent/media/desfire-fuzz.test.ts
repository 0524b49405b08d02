/**
 * Cards that answer anything: no crash, no hang, no half reading.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createDesfireCard } from '../../../simulators/cards/desfire/desfire-card.ts';
import { copyEeprom } from '../../../simulators/cards/desfire/eeprom.ts';
import { issueDesfire } from '../../../simulators/cards/desfire/issue-desfire.ts';
import { FUZZ_MS_MAX, fuzz } from '../../support/fuzz.ts';
import { ENTRY, order, present } from './desfire-rig.ts';

const ISSUED = issueDesfire(order());
const EV1 = issueDesfire(order({ model: 'EV1', randomUid: true }));
const MEDIA = [{ kind: 'kvytok-desfire', ev1: true }, { kind: 'kvytok-plain' }] as const;

/** What is done with the answer to one command. */
const fault = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'none' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 300 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('status' as const),
      status: fc.integer({ min: 0x9100, max: 0x91ff }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('flip' as const),
      at: fc.nat(200),
      bits: fc.integer({ min: 1, max: 255 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('cut' as const), at: fc.nat(40) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'throws' } as const) },
);

test('a card that lies at any place is read whole, or refused with a reason', {
  timeout: FUZZ_MS_MAX,
}, async () => {
  await fuzz(
    'desfire-lies',
    300,
    fc.asyncProperty(fc.boolean(), fc.array(fault, { maxLength: 24 }), async (ev1, faults) => {
      const card = createDesfireCard({ eeprom: copyEeprom(ev1 ? EV1 : ISSUED) });
      let sent = 0;
      const lying = {
        transmit: async (apdu: Uint8Array): Promise<Uint8Array> => {
          const change = faults[sent++] ?? { kind: 'none' };
          const answer = await card.transmit(apdu);
          if (change.kind === 'bytes') return change.bytes;
          if (change.kind === 'throws') throw new Error('the reader broke');
          if (change.kind === 'cut') return answer.subarray(0, change.at);
          if (change.kind === 'status') return Uint8Array.of(change.status >> 8, change.status & 0xff);
          if (change.kind === 'flip' && change.at < answer.length) {
            const flipped = Uint8Array.from(answer);
            flipped[change.at] = (flipped[change.at] as number) ^ change.bits;
            return flipped;
          }
          return answer;
        },
      };
      const visit = await present(lying, { media: MEDIA as never });
      if (visit.reading.ok) {
        expect(visit.reading).toMatchObject({
          card: { mediumKind: 'social', language: 'pl', validUntilMs: 1_900_000_000_000 },
        });
        const outcome = await visit.settle(ENTRY);
        card.reset();
        const { reading, end } = await present(card, { media: MEDIA as never });
        end();
        const written = JSON.stringify(reading).includes(`"seq":${ENTRY.seq}`);
        if (outcome !== 'unknown') expect(written).toBe(outcome === 'written');
      } else
        expect(visit.reading.reason).toMatch(
          /^(CARD_(UNREADABLE|UNKNOWN|LOCKED|NOT_GENUINE)|MEDIUM_NOT_TAKEN)$/,
        );
      visit.end();
      expect(sent).toBeLessThanOrEqual(70);
    }),
  );
});

test('random bytes from the first answer on are refused', { timeout: FUZZ_MS_MAX }, async () => {
  await fuzz(
    'desfire-noise',
    900,
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 262 }), { minLength: 1, maxLength: 30 }),
      async (answers) => {
        let at = 0;
        const noise = { transmit: async () => answers[at++ % answers.length] as Uint8Array };
        const { reading, end } = await present(noise, { media: MEDIA as never });
        end();
        expect(reading.ok).toBe(false);
      },
    ),
  );
});
