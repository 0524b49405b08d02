/** The key by which devices of one vehicle, and inspectors in it, talk to each other. */
import { createHmac } from 'node:crypto';

/** From the city's inspection key: inspectors can talk to any vehicle, a vehicle only to itself. 32 bytes. */
export function vehicleKeyOf(inspectionKey: Uint8Array, vehicleId: string): Buffer {
  return createHmac('sha256', inspectionKey).update('kvytok vehicle v1\n').update(vehicleId, 'utf8').digest();
}
