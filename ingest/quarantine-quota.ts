/**
 * How much of unproven senders is kept: enough to look into, never enough to fill a disk. What is beyond it is
 * counted only.
 */
export interface QuotaLimits {
  readonly itemsPerDeviceMax: number;
  readonly itemsMax: number;
  readonly bytesMax: number;
}

export interface QuarantineQuota {
  /** Whether one more item of this sender may be kept. */
  hasRoom(deviceId: string | null, bytes: number): boolean;
  /** Notes an item that was kept. */
  add(deviceId: string | null, bytes: number): void;
}

/** Makes a quota with what is kept already. */
export function createQuarantineQuota(
  limits: QuotaLimits,
  kept: readonly { deviceId: string | null; items: number; bytes: number }[],
): QuarantineQuota {
  const items = new Map<string | null, number>();
  let total = 0;
  let totalBytes = 0;
  for (const entry of kept) {
    items.set(entry.deviceId, entry.items);
    total += entry.items;
    totalBytes += entry.bytes;
  }
  return {
    hasRoom: (deviceId, bytes) =>
      (items.get(deviceId) ?? 0) < limits.itemsPerDeviceMax &&
      total < limits.itemsMax &&
      totalBytes + bytes <= limits.bytesMax,
    add(deviceId, bytes) {
      items.set(deviceId, (items.get(deviceId) ?? 0) + 1);
      total += 1;
      totalBytes += bytes;
    },
  };
}
