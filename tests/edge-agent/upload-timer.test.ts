/** Time goes on while the upload looks at it: whatever it waits for, somebody always wakes it up. */
import { expect, test } from 'vitest';
import { createUpload, type UploadDeps } from '../../edge-agent/upload.ts';

test('a pause that ends between two looks at the clock is not slept through', () => {
  let now = 0;
  let timer: { dueMs: number; run: () => void } | undefined;
  let offered = 0;
  const end = { epochOrder: 1, seq: 1 };
  const record = { epoch: 'e', seq: 1, hash: 'a'.repeat(64), sig: 's'.repeat(86), bytes: Buffer.from('{}') };
  const upload = createUpload({
    deviceId: 'val-1',
    journal: {
      openedAt: { epoch: 'e', seq: 0 },
      head: () => ({ epoch: 'e', seq: 1 }),
      unreceipted: (from: { seq: number }) => ({ records: from.seq < 1 ? [record] : [], end }),
    },
    timers: {
      // Each look takes a third of a millisecond.
      nowMs: () => (now += 1 / 3),
      after: (ms: number, run: () => void) => {
        timer = { dueMs: now + ms, run };
        return () => {
          timer = undefined;
        };
      },
    },
    monoMs: () => now,
    connected: () => true,
    chance: () => 0.1 + (offered % 7) / 10,
    publish: async () => {
      offered += 1;
    },
    limits: { recordsMax: 10, inFlightMax: 4, receiptTimeoutMs: 5, pauseMs: 1, pauseMsMax: 3 },
  } as unknown as UploadDeps);
  upload.pump();
  for (let i = 0; i < 2000; i++) {
    const due = timer;
    expect(due, `after ${offered} offers nobody wakes it up`).toBeDefined();
    timer = undefined;
    // A timer may fire a moment early, as those of the runtime do.
    now = Math.max(now, (due as NonNullable<typeof due>).dueMs - 0.5);
    (due as NonNullable<typeof due>).run();
  }
  expect(offered).toBeGreaterThan(100);
});
