/** Vehicles and validators: who is where, and who needs somebody's attention. */
import { html } from 'ghtml';
import { REASON_TEXTS, type ReasonCode } from '#contracts/reason-codes.ts';
import type { CityWire, DeviceWire, QuarantineWire, VehicleWire } from '../schemas.ts';
import type { Wording } from '../wording.ts';
import { stateSign } from './signs.ts';

/** Rows of the vehicle list: the same as the map, for those who do not see it. */
export function vehicleTable(vehicles: readonly VehicleWire[], wording: Wording): string {
  const { t } = wording;
  if (vehicles.length === 0) return html`<p class="empty">${t('vehicles.empty')}</p>`;
  return html`<table>
<caption class="sr">${t('vehicles.title')}</caption>
<thead><tr><th scope="col">${t('vehicles.route')}</th><th scope="col">${t('vehicles.vehicle')}</th><th scope="col">${t('vehicles.next')}</th><th scope="col">${t('vehicles.state')}</th></tr></thead>
<tbody>!${vehicles.map((vehicle) => html`<tr><td><span class="${wording.routeClass(vehicle.routeId)}">${wording.route(vehicle.routeId)}</span></td><th scope="row">${vehicle.vehicleId}</th><td>${wording.stop(vehicle.nextStopId)}</td><td class="state">!${stateSign(vehicle.state)} ${t(`state.${vehicle.state}`)}</td></tr>`)}</tbody>
</table>`;
}

/** What makes a device need attention, most urgent first; 0 = nothing. */
function urgency(device: DeviceWire): number {
  // Planned, but never heard of yet: nobody misses it.
  if (device.lastSeenMs === null) return 0;
  if (device.forks > 0) return 5;
  if (device.state === 'out-of-order') return 4;
  if (device.state === 'offline') return 3;
  if (journalIsFull(device)) return 2;
  return device.gaps > 0 ? 1 : 0;
}

const FULL_SHARE = 0.8;

function journalIsFull({ journalUnreceipted, journalCapacity }: DeviceWire): boolean {
  return (journalUnreceipted ?? 0) > (journalCapacity ?? Number.POSITIVE_INFINITY) * FULL_SHARE;
}

/** Health of every validator, those in need first. */
export function deviceTable(city: CityWire, wording: Wording): string {
  const { t } = wording;
  const devices = [...city.devices].sort((a, b) => urgency(b) - urgency(a));
  if (devices.length === 0) return html`<p class="empty">${t('devices.empty')}</p>`;
  const heads = ['seen', 'journal', 'deny', 'clock', 'latency', 'refused', 'gaps', 'forks'] as const;
  return html`<table>
<caption class="sr">${t('devices.title')}</caption>
<thead><tr><th scope="col">${t('devices.device')}</th><th scope="col">${t('devices.state')}</th>!${heads.map((head) => html`<th scope="col" class="n">${t(`devices.${head}`)}</th>`)}</tr></thead>
<tbody>!${devices.map((device) => deviceRow(device, city, wording))}</tbody>
</table>`;
}

function deviceRow(device: DeviceWire, city: CityWire, wording: Wording): string {
  const { t } = wording;
  const never = t('devices.never');
  // Reported ages were true when the report was made; they have grown since.
  const sinceMs = Math.max(0, city.nowMs - (device.reportedAtMs ?? city.nowMs));
  const age = (ms: number | null) => (ms === null ? never : wording.duration(ms + sinceMs));
  const count = (value: number | null) => (value === null ? '–' : wording.number(value));
  const alarm = (value: number) => (value > 0 ? 'n alarm' : 'n');
  const seen =
    device.lastSeenMs === null
      ? never
      : t('unit.ago', { duration: wording.duration(city.nowMs - device.lastSeenMs) });
  const deny =
    device.denyListVersion === null
      ? never
      : t('devices.version', { version: device.denyListVersion, age: age(device.denyListAgeMs) });
  return html`<tr class="device device-${device.state}"><th scope="row">${device.deviceId}</th><td class="state">!${stateSign(device.state)} ${t(`state.${device.state}`)}</td><td class="n">${seen}</td><td class="n">${count(device.journalUnreceipted)}</td><td class="n">${deny}</td><td class="n">${age(device.clockSyncAgeMs)}</td><td class="n">${count(device.latencyMsMax)}</td><td class="n">${count(device.refused)}</td><td class="${alarm(device.gaps)}">${count(device.gaps)}</td><td class="${alarm(device.forks)}">${count(device.forks)}</td></tr>`;
}

/** One sentence over the table. */
export function deviceVerdict(city: CityWire, wording: Wording): string {
  const needy = city.devices.filter((device) => urgency(device) > 0).length;
  if (city.devices.length === 0) return '';
  const verdict = needy === 0 ? wording.t('devices.fine') : wording.t('devices.attention', { count: needy });
  return html`<p class="verdict verdict-${needy === 0 ? 'ok' : 'bad'}"><span aria-hidden="true">${needy === 0 ? '✓' : '!'}</span> ${verdict}</p>`;
}

/** What ingest set aside, with the reason in words. */
export function quarantineList(rows: readonly QuarantineWire[], wording: Wording): string {
  const { t } = wording;
  if (rows.length === 0)
    return html`<p class="verdict verdict-ok"><span aria-hidden="true">✓</span> ${t('quarantine.empty')}</p>`;
  const text = (code: string) =>
    Object.hasOwn(REASON_TEXTS, code) ? REASON_TEXTS[code as ReasonCode][wording.language] : code;
  return html`<ul class="reasons">!${rows.map((row) => html`<li><span class="reason-count">${wording.number(row.items)}</span><span class="reason-text">${text(row.reason)}<span class="reason-code">${row.reason}!${row.lastAtMs === null ? '' : html` · ${t('quarantine.last', { time: wording.time(row.lastAtMs) })}`}</span></span></li>`)}</ul>`;
}
