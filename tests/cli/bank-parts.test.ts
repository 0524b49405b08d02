/** The embedded city's validators, as they are enrolled, and the bank cards for tests. */
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withPanToken } from '../../cli/city/bank-parts.ts';
import { type CityKeys, openCityKeys } from '../../cli/city/city-keys.ts';
import { deviceFolder, openDeviceFolders } from '../../cli/city/identities.ts';
import { createInProcessCardReader } from '../../edge-agent/adapters/in-process-card-reader.ts';
import type { CardReading } from '../../edge-agent/ports.ts';
import { type CityData, loadCity } from '../../platform/city-data.ts';
import { type BankCardKind, bankCard, bankCardOrders } from '../../simulators/cards/emv/profiles.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('bank-parts');
const ternopil = loadCity(join(import.meta.dirname, '../../cities/ternopil'));
const data: CityData = { ...ternopil, devices: ternopil.devices.slice(-1) };
const dir = deviceFolder(folder.path, 'val-desk-1');
let keys: CityKeys;

function enrol(): void {
  openDeviceFolders(folder.path, data, keys, { mqttUrl: 'mqtt://127.0.0.1:1', stops: undefined });
}

beforeAll(() => {
  keys = openCityKeys(join(folder.path, 'secrets'));
  enrol();
});
afterAll(() => folder.remove());

async function reading(kind: BankCardKind): Promise<CardReading> {
  const reader = createInProcessCardReader(dir);
  let seen: CardReading | undefined;
  await reader.start(async (visit) => {
    seen = await visit.read();
  });
  await reader.present(bankCard(kind));
  await reader.stop();
  if (!seen) throw new Error('the card was not read');
  return seen;
}

describe('a validator of the embedded city', () => {
  it.each(['visa', 'visa-phone', 'mastercard', 'phone', 'maestro', 'amex'] as const)(
    'takes a %s and keeps its number to itself',
    async (kind) => {
      const read = await reading(kind);
      expect(read).toMatchObject({
        ok: true,
        card: { mediumKind: 'bank', bank: { acquirerKeyId: 'acq-test' } },
      });
      for (const { pan } of bankCardOrders(kind)) expect(JSON.stringify(read)).not.toContain(pan);
    },
  );

  it('refuses what must be refused', async () => {
    expect(await reading('wrong-static-data')).toMatchObject({ ok: false, reason: 'CARD_NOT_GENUINE' });
    expect(await reading('locked')).toMatchObject({ ok: false, reason: 'CARD_LOCKED' });
  });
});

describe('its folder', () => {
  const cardKeys = () => JSON.parse(readFileSync(join(dir, 'card-keys.json'), 'utf8'));

  it('has the same keys when it is enrolled again, and keeps those that others put there', () => {
    const before = cardKeys();
    const more = { ...before, tokens: { ...before.tokens, token: { 2: 'ab'.repeat(32) } } };
    writeFileSync(join(dir, 'card-keys.json'), JSON.stringify(more));
    enrol();
    expect(cardKeys()).toEqual(more);
    expect(before.tokens['pan-token']['1']).toBe(keys.panTokenKey.toString('hex'));
    expect(openCityKeys(join(folder.path, 'secrets')).panTokenKey).toEqual(keys.panTokenKey);
    expect(statSync(join(dir, 'card-keys.json')).mode & 0o777).toBe(0o600);
  });

  it('holds no private key of the acquirer', () => {
    expect(readFileSync(join(dir, 'bank-card.json'), 'utf8')).not.toContain('PRIVATE');
  });

  it('keeps a rotated key', () => {
    const rotated = { v: 1 as const, tokens: { 'pan-token': { 1: '11'.repeat(32), 2: '22'.repeat(32) } } };
    expect(withPanToken(rotated, 'aa'.repeat(32))).toEqual(rotated);
  });
});
