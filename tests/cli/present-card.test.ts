import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CityKeys, openCityKeys } from '../../cli/city/city-keys.ts';
import { enrolDevice } from '../../cli/city/enrol-devices.ts';
import { openPcscValidator, type PcscValidator, presentCard } from '../../cli/present-card.ts';
import { parseRecordId } from '../../contracts/ids.ts';
import { behindReader } from '../../simulators/cards/desfire/behind-reader.ts';
import { createDesfireCard } from '../../simulators/cards/desfire/desfire-card.ts';
import { issueDesfire } from '../../simulators/cards/desfire/issue-desfire.ts';
import {
  createVirtualCard,
  type VirtualCard,
  type VirtualCardOptions,
} from '../../simulators/cards/virtual-card.ts';
import { skipWithoutPcsc } from '../support/pcsc-here.ts';

describe.skipIf(skipWithoutPcsc('Presenting cards'))('a virtual card at a validator without a city', () => {
  let folder: string;
  let deviceDir: string;
  let keys: CityKeys;
  let validator: PcscValidator;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'kvytok-tap-'));
    keys = openCityKeys(join(folder, 'keys'));
    // Nobody listens there: the validator decides alone.
    const mqttUrl = 'mqtt://127.0.0.1:1';
    const policy = { passBackS: 600, mediumKinds: ['social', 'wallet'] as const, journalRecordsMax: 1000 };
    deviceDir = enrolDevice(folder, { deviceId: 'val-900' }, { keys, policy, mqttUrl }).folder;
    validator = await openPcscValidator({ deviceDir });
  });
  afterAll(async () => {
    await validator?.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  function card(changes: Partial<VirtualCardOptions> = {}): VirtualCard {
    const nowS = Math.floor(Date.now() / 1000);
    return createVirtualCard({
      mediumKind: 'social',
      mediumId: randomBytes(16),
      validFromS: nowS - 86_400,
      validUntilS: nowS + 86_400,
      language: 'pl',
      issuer: keys.issuer,
      ...changes,
    });
  }

  it.each(['social', 'wallet'] as const)(
    'is let on with a %s card, in its own language',
    async (mediumKind) => {
      const answer = await validator.present(card({ mediumKind }));
      expect(answer).toMatchObject({ sign: 'accepted', language: 'pl', online: false });
      expect(parseRecordId(answer.recordId ?? '')?.deviceId).toBe('val-900');
    },
  );

  it('is let on with a DESFire card', async () => {
    const nowS = Math.floor(Date.now() / 1000);
    const desfire = createDesfireCard({
      eeprom: issueDesfire({
        model: 'EV3',
        uid: Uint8Array.of(4, ...randomBytes(6)),
        randomUid: true,
        kind: 'wallet',
        mediumId: randomBytes(16),
        validFromS: nowS - 86_400,
        validUntilS: nowS + 86_400,
        language: 'de',
        issuer: keys.issuer,
        keys: keys.cardKeys,
      }),
    });
    const answer = await validator.present(behindReader(desfire));
    expect(answer).toMatchObject({ sign: 'accepted', language: 'de' });
  });

  it('is one ride when it is shown twice', async () => {
    const same = card();
    const first = await validator.present(same);
    const second = await validator.present(same);
    expect(first.repeated ?? false).toBe(false);
    expect(second).toMatchObject({ sign: 'accepted', repeated: true });
    expect(second.recordId).not.toBe(first.recordId);
  });

  it.each<[string, Partial<VirtualCardOptions>, string]>([
    ['has expired', { validFromS: 1, validUntilS: 2 }, 'CARD_EXPIRED'],
    ['has a forged signature', { misbehaviour: { kind: 'bad-signature' } }, 'CARD_NOT_GENUINE'],
    ['is pulled away', { misbehaviour: { kind: 'gone-after', apdus: 2 } }, 'CARD_UNREADABLE'],
  ])('is refused when it %s', async (_what, changes, reason) => {
    expect(await validator.present(card(changes))).toMatchObject({ sign: 'refused', reason });
  });

  it('cannot be presented in a device folder that another process uses', async () => {
    await expect(presentCard({ deviceDir, card: card() })).rejects.toMatchObject({
      name: 'OperatorError',
      code: 'VALIDATOR_NOT_READY',
      happened: expect.stringContaining('DATA_FOLDER_IN_USE'),
    });
  });

  it('is presented in one call that leaves nothing running behind', async () => {
    await validator.stop();
    expect(await presentCard({ deviceDir, card: card() })).toMatchObject({ sign: 'accepted' });
  });
});
