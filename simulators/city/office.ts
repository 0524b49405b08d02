/**
 * What the simulated office asks of the city: cards linked to accounts, rights granted, wallets credited, validators
 * assigned. Ids come from the seed, so the same request of a second start is the same command and changes nothing.
 */
import { createHash } from 'node:crypto';
import type { PlannedDevice } from '#platform/city-data.ts';
import type { Rider } from './riders.ts';

/** A command for the fare engine's inbox. */
export type OfficeCommand = {
  /** UUID; a command of the same id is the same command. */
  readonly commandId: string;
} & (
  | {
      readonly kind: 'credit-wallet';
      readonly payload: {
        readonly accountId: string;
        /** Digits of minor units. */
        readonly amountMinor: string;
        readonly currency: string;
        readonly source: string;
        readonly idempotencyKey: string;
      };
    }
  | {
      readonly kind: 'link-medium';
      readonly payload: {
        readonly tokenId: string;
        readonly accountId: string;
        readonly validFromMs: number;
      };
    }
  | {
      readonly kind: 'grant-entitlement';
      readonly payload: {
        readonly entitlementId: string;
        readonly accountId: string;
        readonly concessionId: string;
        readonly validFromMs: number;
      };
    }
  | {
      readonly kind: 'assign-device';
      readonly payload: {
        readonly deviceId: string;
        readonly vehicleId: string;
        readonly validFromMs: number;
      };
    }
  | {
      readonly kind: 'assign-vehicle';
      readonly payload: {
        readonly vehicleId: string;
        readonly carrierId: string;
        readonly validFromMs: number;
      };
    }
  | {
      readonly kind: 'assign-route';
      readonly payload: {
        readonly vehicleId: string;
        readonly routeId: string;
        readonly validFromMs: number;
      };
    }
  | {
      readonly kind: 'deny-medium';
      readonly payload: {
        readonly tokenId: string;
        readonly reason: 'lost';
        readonly scope: 'all';
        readonly validFromMs: number;
      };
    }
);

/** Makes the commands of one simulation. */
export interface OfficeDesk {
  /** Device → vehicle, vehicle → carrier, and the route where the plan of devices names one. */
  assignDevice(device: PlannedDevice): OfficeCommand[];
  /**
   * Card, right and, for a lost card, the denial: in the order in which the city should learn them. Nothing for a bank
   * card (null): its account begins with its first ride.
   */
  registerRider(rider: Rider, tokenId: string | null): OfficeCommand[];
  /** `occasion` names the top-up: the same occasion is the same payment. */
  topUp(rider: Rider, amountMinor: string, occasion: string): OfficeCommand;
}

/** Everything holds from `validFromMs`, an instant that does not move between two starts. */
export function createOfficeDesk(options: {
  readonly seed: number;
  readonly currency: string;
  readonly validFromMs: number;
}): OfficeDesk {
  const { seed, currency, validFromMs } = options;
  const id = (...words: string[]) => uuidOf(`${seed}|${words.join('|')}`);
  return {
    assignDevice({ deviceId, carrierId, routeId, ...device }) {
      // A desk rides in no vehicle; its taps still need a place in the books.
      const vehicleId = device.vehicleId ?? deviceId;
      const commands: OfficeCommand[] = [
        {
          commandId: id('assign-device', deviceId),
          kind: 'assign-device',
          payload: { deviceId, vehicleId, validFromMs },
        },
        {
          commandId: id('assign-vehicle', vehicleId),
          kind: 'assign-vehicle',
          payload: { vehicleId, carrierId, validFromMs },
        },
      ];
      if (routeId !== undefined) {
        commands.push({
          commandId: id('assign-route', vehicleId),
          kind: 'assign-route',
          payload: { vehicleId, routeId, validFromMs },
        });
      }
      return commands;
    },
    registerRider(rider, tokenId) {
      if (tokenId === null) return [];
      const { accountId, concessionId, riderId } = rider;
      const commands: OfficeCommand[] = [
        {
          commandId: id('link-medium', riderId),
          kind: 'link-medium',
          payload: { tokenId, accountId, validFromMs },
        },
      ];
      if (concessionId !== null) {
        const entitlementId = id('entitlement', riderId);
        commands.push({
          commandId: id('grant-entitlement', riderId),
          kind: 'grant-entitlement',
          payload: { entitlementId, accountId, concessionId, validFromMs },
        });
      }
      if (rider.fault === 'denied') {
        commands.push({
          commandId: id('deny-medium', riderId),
          kind: 'deny-medium',
          payload: { tokenId, reason: 'lost', scope: 'all', validFromMs },
        });
      }
      return commands;
    },
    topUp: (rider, amountMinor, occasion) => ({
      commandId: id('credit-wallet', rider.riderId, occasion),
      kind: 'credit-wallet',
      payload: {
        accountId: rider.accountId,
        amountMinor,
        currency,
        source: 'simulated-top-up',
        idempotencyKey: id('top-up', rider.riderId, occasion),
      },
    }),
  };
}

/** A UUID (RFC 9562, version 8: made by the application) from the hash of a text. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x80;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
