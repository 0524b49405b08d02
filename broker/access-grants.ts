/**
 * The table of topics as data, for brokers that are configured by files. `topic-access.ts` decides in the embedded
 * broker; a test holds both against each other, topic by topic.
 */
import {
  DEVICE_PUBLISHES,
  DEVICE_SUBSCRIBES,
  deviceTopic,
  everyDevice,
  LISTS,
  probeTopic,
} from '#contracts/topics.ts';
import type { Actor } from './topic-access.ts';

export interface PublishGrant {
  /** Topic, or a filter with `+` and `#`. */
  readonly filter: string;
  /** Whether what is published there may be retained; not every broker can tell. */
  readonly retain: boolean;
}

export interface Grants {
  readonly publish: readonly PublishGrant[];
  /** Filters to subscribe to; what is delivered never reaches further than they do. */
  readonly subscribe: readonly string[];
}

/**
 * Everything that an actor may do. The parts of the lists are named by wildcards here (`…/deny/#`), since brokers know
 * no numbers in topics; it stays within the lists.
 */
export function grantsOf({ clientId, role }: Actor): Grants {
  switch (role) {
    case 'device':
      return {
        publish: DEVICE_PUBLISHES.map((channel) => {
          return { filter: deviceTopic(clientId, channel), retain: channel === 'status' };
        }),
        subscribe: [
          ...DEVICE_SUBSCRIBES.map((channel) => deviceTopic(clientId, channel)),
          LISTS.denyAll,
          LISTS.tariffAll,
        ],
      };
    case 'ingest':
      return {
        publish: [
          ...DEVICE_SUBSCRIBES.map((channel) => ({ filter: everyDevice(channel), retain: false })),
          { filter: probeTopic(clientId), retain: false },
        ],
        subscribe: [...DEVICE_PUBLISHES.map(everyDevice), probeTopic(clientId)],
      };
    case 'lists':
      return {
        publish: [LISTS.denyAll, LISTS.tariffAll].map((filter) => ({ filter, retain: true })),
        subscribe: [LISTS.denyManifest, LISTS.tariff],
      };
    case 'monitor':
      return { publish: [], subscribe: [everyDevice('status'), everyDevice('health')] };
  }
}
