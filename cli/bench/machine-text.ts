/** The machine in one line, so that a figure says where it was measured. */
import { availableParallelism, cpus, totalmem } from 'node:os';

/** `2 × AMD EPYC, 24 GiB, Node 24.21.0`. */
export function machineText(): string {
  const model = (cpus()[0]?.model ?? 'unknown processor').trim();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${availableParallelism()} × ${model}, ${gibibytes} GiB, Node ${process.versions.node}`;
}
