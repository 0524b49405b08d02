/**
 * Which topic is whose. Everything that is not written here is refused; filters are compared as texts, so no
 * wildcard can reach further than the ones named.
 */
import {
  DEVICE_PUBLISHES,
  DEVICE_SUBSCRIBES,
  deviceTopic,
  everyDevice,
  LISTS,
  parseDeviceTopic,
  probeTopic,
} from '#contracts/topics.ts';
import type { BrokerRole } from './identity.ts';

/** Who asks. */
export interface Actor {
  readonly clientId: string;
  readonly role: BrokerRole;
}

/** What is to be published; a last will is asked about in the same way. */
export interface Publication {
  readonly topic: string;
  readonly retain: boolean;
  /** 0 or 1; exactly-once delivery (2) is not offered: receipts do better than it. */
  readonly qos: number;
}

/** Whether the actor may publish this. Only a status and the lists may be retained. */
export function mayPublish(actor: Actor, publication: Publication): boolean {
  const { topic, retain, qos } = publication;
  if (qos > 1) return false;
  const address = parseDeviceTopic(topic);
  switch (actor.role) {
    case 'device': {
      if (!address || address.deviceId !== actor.clientId) return false;
      return DEVICE_PUBLISHES.includes(address.channel) && (!retain || address.channel === 'status');
    }
    case 'ingest':
      if (topic === probeTopic(actor.clientId)) return !retain;
      return address !== undefined && DEVICE_SUBSCRIBES.includes(address.channel) && !retain;
    case 'lists':
      return isListTopic(topic);
    case 'monitor':
      return false;
  }
}

/** Whether the actor may subscribe to this filter. */
export function maySubscribe(actor: Actor, filter: string): boolean {
  switch (actor.role) {
    case 'device':
      return isListFilter(filter) || DEVICE_SUBSCRIBES.some((c) => filter === deviceTopic(actor.clientId, c));
    case 'ingest':
      return (
        DEVICE_PUBLISHES.some((channel) => filter === everyDevice(channel)) ||
        filter === probeTopic(actor.clientId)
      );
    case 'monitor':
      return filter === everyDevice('status') || filter === everyDevice('health');
    case 'lists':
      // What is retained there says whether all has to be published again.
      return filter === LISTS.denyManifest || filter === LISTS.tariff;
  }
}

const LIST_TOPIC =
  /^kvytok\/v1\/lists\/(tariff|tariff\/parts\/[0-9a-f]{64}\/[0-9]{1,3}|deny|deny\/deltas\/[1-9][0-9]{0,9}\/[0-9]{1,15}|deny\/snapshots\/[1-9][0-9]{0,9}\/[0-9]{1,15}\/[0-9]{1,6})$/;

/** A topic that carries a list or a part of one. */
export function isListTopic(topic: string): boolean {
  return LIST_TOPIC.test(topic);
}

function isListFilter(filter: string): boolean {
  return filter === LISTS.denyAll || filter === LISTS.tariffAll || isListTopic(filter);
}
