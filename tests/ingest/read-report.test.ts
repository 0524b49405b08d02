import { describe, expect, it } from 'vitest';
import { type ReadReport, reportReader } from '../../ingest/read-report.ts';

const status = (deviceId: string, software: string) => ({
  topic: `kvytok/v1/${deviceId}/status`,
  payload: Buffer.from(JSON.stringify({ v: 1, deviceId, online: true, software })),
  receivedAtMs: 0,
});
const wordOf = (read: ReadReport): string =>
  read.kind === 'status' ? (read.report.software ?? '') : JSON.stringify(read);

/** A registry that learns a device when the test says so. */
function listener() {
  const known = new Set<string>();
  const looks: (() => void)[] = [];
  const words: string[] = [];
  const registry = {
    knows: (deviceId: string) => known.has(deviceId),
    learn: () => new Promise<void>((resolve) => looks.push(resolve)),
  };
  const take = reportReader(registry, (read) => words.push(wordOf(read)));
  const look = async (): Promise<void> => {
    for (const resolve of looks.splice(0)) resolve();
    await new Promise((resolve) => setImmediate(resolve));
  };
  return { known, words, take, look };
}

describe('reports of a device that is not known yet', () => {
  it('wait for one look, and come out in the order in which they came', async () => {
    const { known, words, take, look } = listener();
    take(status('val-1', 'first'));
    known.add('val-1');
    take(status('val-1', 'second'));
    expect(words).toEqual([]);
    await look();
    take(status('val-1', 'third'));
    expect(words).toEqual(['first', 'second', 'third']);
  });

  it('are refused when it stays unknown, and hold up nobody else', async () => {
    const { known, words, take, look } = listener();
    known.add('val-2');
    take(status('val-1', 'lost'));
    take(status('val-2', 'at once'));
    await look();
    expect(words).toEqual(['at once', JSON.stringify({ kind: 'refused', reason: 'INGEST_UNKNOWN_DEVICE' })]);
  });

  it('are refused at once when a thousand others wait', () => {
    const { words, take } = listener();
    for (let i = 0; i < 1000; i++) take(status(`val-${i}`, 'waits'));
    expect(words).toHaveLength(0);
    take(status('val-1000', 'one too many'));
    expect(words).toHaveLength(1);
  });
});
