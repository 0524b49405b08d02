import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type CityKeys, openCityKeys } from '../../../cli/city/city-keys.ts';
import { enrolDevice } from '../../../cli/city/enrol-devices.ts';
import { parseCardKeys } from '../../../contracts/card-keys.ts';
import { tempFolder } from '../../support/temp-folder.ts';

let temp: ReturnType<typeof tempFolder>;
let keys: CityKeys;
beforeEach(() => {
  temp = tempFolder('enrol');
  keys = openCityKeys(join(temp.path, 'secrets'));
});
afterEach(() => temp.remove());

function enrol(): string {
  const policy = { passBackS: 600, mediumKinds: ['social', 'wallet'] as const, journalRecordsMax: 1000 };
  const device = { deviceId: 'val-001' };
  const { folder } = enrolDevice(temp.path, device, { keys, policy, mqttUrl: 'mqtt://127.0.0.1:1' });
  return join(folder, 'card-keys.json');
}

it('the tariffs reach the folder as they were signed', () => {
  const policy = { passBackS: 600, mediumKinds: ['social'] as const, journalRecordsMax: 1000 };
  const context = { keys, policy, mqttUrl: 'mqtt://127.0.0.1:1', tariff: '{"signed":1}' };
  const { folder } = enrolDevice(temp.path, { deviceId: 'val-002' }, context);
  expect(readFileSync(join(folder, 'tariff-extract.json'), 'utf8')).toBe('{"signed":1}');
});

describe("a validator's card keys", () => {
  it('are those for reading, the log and the UID, readable by its owner alone; the same at every start', () => {
    const file = enrol();
    const { read, log, uid, master, hint, picc } = keys.cardKeys;
    const text = readFileSync(file, 'utf8');
    expect(parseCardKeys(JSON.parse(text))).toMatchObject({
      ok: true,
      value: {
        cards: {
          'desfire-read': { 1: read.toString('hex') },
          'desfire-log': { 1: log.toString('hex') },
          'desfire-uid': { 1: uid.toString('hex') },
        },
      },
    });
    for (const key of [master, hint, picc]) expect(text).not.toContain(key.toString('hex'));
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(openCityKeys(join(temp.path, 'secrets')).cardKeys).toEqual(keys.cardKeys);
  });

  it('leave other keys of the file alone, and are written anew over a damaged one', () => {
    const file = enrol();
    const kept = JSON.parse(readFileSync(file, 'utf8'));
    const tokens = { 'pan-token': { 1: '11'.repeat(32) } };
    const cards = { ...kept.cards, 'other-city': { 3: '22'.repeat(16) } };
    writeFileSync(file, JSON.stringify({ v: 1, cards, tokens }));
    enrol();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({ v: 1, cards, tokens });
    writeFileSync(file, '{"v":1,"car');
    enrol();
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(kept);
  });

  it('are never taken from a city file that is cut short', () => {
    const file = join(temp.path, 'secrets', 'card-keys-1');
    writeFileSync(file, readFileSync(file, 'utf8').split('\n').slice(0, 5).join('\n'));
    expect(() => openCityKeys(join(temp.path, 'secrets'))).toThrow('cut short');
  });
});
