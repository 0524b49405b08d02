/**
 * The city's keys that this device believes, and how they follow each other: an announcement is taken when a pinned key of
 * the same use signed it, a pinned key stays among them, and it is later than the last. It is on the disk before it
 * holds, so a restart believes the same.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { type KeyUse, openPinKeys, type PinKeys } from '#contracts/command.ts';

/** Keys by id, changed in place: whoever checks signatures holds the same map. */
export type ChangingKeys = Map<string, KeyObject>;

export interface KeyPinsDeps {
  readonly keys: Readonly<Record<KeyUse, ChangingKeys>>;
  /** Instants of the announcements that hold now; absent before the first. */
  readonly announcedAtMs: Partial<Record<KeyUse, number>>;
  /** Keeps an announcement; throws when the disk does not. */
  readonly save: (announcement: PinKeys) => void;
}

/** `other` is no announcement at all, `known` is not later than the last one of its use. */
export type PinOutcome = 'pinned' | 'known' | 'refused' | 'not-kept' | 'other';

export interface KeyPins {
  /** Takes a message of the commands topic if it is an announcement. */
  hear(payload: Uint8Array): PinOutcome;
}

const USES: readonly KeyUse[] = ['ingest', 'lists'];

/** Makes the keeper of pins. */
export function createKeyPins(deps: KeyPinsDeps): KeyPins {
  const announcedAtMs = { ...deps.announcedAtMs };

  function open(payload: Uint8Array): PinKeys | 'refused' | 'other' {
    let isOne = false;
    for (const use of USES) {
      const opened = openPinKeys(payload, deps.keys[use]);
      if (opened.ok && opened.value.use === use) return opened.value;
      // Another type of envelope is refused for its type alone.
      isOne ||= opened.ok || !opened.problems.some(({ path }) => path === '/type');
    }
    return isOne ? 'refused' : 'other';
  }

  return {
    hear(payload) {
      const announcement = open(payload);
      if (typeof announcement === 'string') return announcement;
      const { use, issuedAtMs } = announcement;
      if (issuedAtMs <= (announcedAtMs[use] ?? Number.NEGATIVE_INFINITY)) return 'known';
      const pinned = deps.keys[use];
      const next = readKeys(announcement);
      const staysOne = next && [...next].some(([keyId, key]) => pinned.get(keyId)?.equals(key) === true);
      if (!next || !staysOne) return 'refused';
      try {
        deps.save(announcement);
      } catch {
        return 'not-kept'; // the city offers it again
      }
      announcedAtMs[use] = issuedAtMs;
      pinned.clear();
      for (const [keyId, key] of next) pinned.set(keyId, key);
      return 'pinned';
    },
  };
}

function readKeys({ keys }: PinKeys): ChangingKeys | undefined {
  try {
    const read = new Map(Object.entries(keys).map(([keyId, pem]) => [keyId, createPublicKey(pem)]));
    return [...read.values()].every((key) => key.asymmetricKeyType === 'ed25519') ? read : undefined;
  } catch {
    return undefined;
  }
}
