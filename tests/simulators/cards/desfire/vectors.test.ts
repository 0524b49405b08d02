import { describe, expect, it } from 'vitest';
import { cmac, cmacSubkeys } from '../../../../simulators/cards/desfire/aes.ts';
import { diversifyKey, ev2SessionKeys } from '../../../../simulators/cards/desfire/derive-keys.ts';
import { createDesfireCard } from '../../../../simulators/cards/desfire/desfire-card.ts';
import { blankEeprom } from '../../../../simulators/cards/desfire/eeprom.ts';
import { openCommand, type Session, sealAnswer } from '../../../../simulators/cards/desfire/sessions.ts';
import { hex, plain, unhex } from './test-reader.ts';

const ZERO_KEY = '00'.repeat(16);
const RND_B = 'b9e2fc789b64bf237cccaa20ec7e6e48';
const TI = '9d00c4df';
/** AN12196, table 17: 128 bytes for file 2. */
const WRITTEN =
  '0051d1014d550463686f6f73652e75726c2e636f6d2f6e7461673432343f653d' +
  '30'.repeat(32) +
  '26633d' +
  '30'.repeat(16) +
  '00'.repeat(45);

/** A card that draws these bytes, one after the other. */
function cardDrawing(...drawn: string[]) {
  const eeprom = blankEeprom('EV3', unhex('04958caa5c5e80'));
  const card = createDesfireCard({
    eeprom,
    random: (bytes) => {
      const next = unhex(bytes === 3 ? '000000' : (drawn.shift() ?? ''));
      expect(next).toHaveLength(bytes);
      return next;
    },
  });
  return card;
}

const say = (card: ReturnType<typeof cardDrawing>, apdu: string) => hex(card.answer(unhex(apdu)));

describe('AES-CMAC and AN10922', () => {
  it.each([
    ['', 'bb1d6929e95937287fa37d129b756746'],
    ['6bc1bee22e409f96e93d7e117393172a', '070a16b46b4d4144f79bdd9dd04a287c'],
    [
      '6bc1bee22e409f96e93d7e117393172aae2d8a571e03ac9c9eb76fac45af8e5130c81c46a35ce411',
      'dfa66747de9ae63030ca32611497c827',
    ],
  ])('RFC 4493, message %#', (message, mac) => {
    expect(hex(cmac(unhex('2b7e151628aed2a6abf7158809cf4f3c'), unhex(message)))).toBe(mac);
  });

  it('V-A1: subkeys of AN10922', () => {
    const { k1, k2 } = cmacSubkeys(unhex('00112233445566778899aabbccddeeff'));
    expect([hex(k1), hex(k2)]).toEqual([
      'fbc9f75c9413c041dfee452d3f0706d1',
      'f793eeb928278083bfdc8a5a7e0e0d25',
    ]);
  });

  it('V-A2: the diversified key of AN10922, page 8', () => {
    const input = unhex('04782e21801d80 3042f5 4e585020416275');
    expect(hex(diversifyKey(unhex('00112233445566778899aabbccddeeff'), input))).toBe(
      'a8dd63a3b89d54b37ca802473fda9175',
    );
  });
});

describe('AuthenticateEV2First, byte for byte', () => {
  it('V-B1: the card of AN12196, table 14', () => {
    const card = cardDrawing(RND_B, TI);
    expect(say(card, '9071000002000000')).toBe('a04c124213c186f22399d33ac2a3021591af');
    expect(say(card, '90af00002035c3e05a752e0144bac0de51c1f22c56b34408a23d8aea266cab947ea8e0118d00')).toBe(
      '3fa64db5446d1f34cd6ea311167f5e4985b89690c04a05f17fa7ab2f081206639100',
    );
    const keys = ev2SessionKeys(unhex(ZERO_KEY), unhex('13c5db8a5930439fc3def9a4c675360f'), unhex(RND_B));
    expect([hex(keys.enc), hex(keys.mac)]).toEqual([
      '1309c877509e5a215007ff0ed19ca564',
      '4c6626f5e72ea694202139295c7a7fc7',
    ]);
  });

  it('V-B4: the card of AN12343, page 33', () => {
    const card = cardDrawing('fa659ad0dca738dd65dc7dc38612ad81', '8cf141f3');
    expect(say(card, '9071000002000000')).toBe('24677ddbd46349e623798fd729006e7991af');
    expect(say(card, '90af0000203b50445f21d21d77d500794deb245e5a754f5f901844259f4c9b31a5c7335acd00')).toBe(
      '04c6dbd67417ed0d31ddde4d2e3ffac2b4b074f638eef7fff9254963b65c77599100',
    );
    const keys = ev2SessionKeys(
      unhex(ZERO_KEY),
      unhex('b04d0787c93ee0cc8cacc8e86f16c6fe'),
      unhex('fa659ad0dca738dd65dc7dc38612ad81'),
    );
    expect([hex(keys.enc), hex(keys.mac)]).toEqual([
      '63dc07286289a7a6c0334ca31c314a04',
      '774f26743ece6af5033b6ae8522946f6',
    ]);
  });
});

describe('EV2 secure messaging, byte for byte', () => {
  it('V-C1: GetFileSettings under a MAC (AN12196, table 7)', () => {
    const session: Session = {
      kind: 'ev2',
      keyNo: 0,
      enc: Buffer.alloc(16),
      mac: unhex('8248134a386e86eb7faf54a52e536cb6'),
      ti: unhex('7a21085e'),
      counter: 0,
    };
    const shape = { ins: 0xf5, header: unhex('02'), mode: 'mac', dataBytes: 0 } as const;
    expect(openCommand(session, shape, unhex('6597a457c8cd442c'))).toHaveLength(0);
    expect(openCommand(session, shape, unhex('6597a457c8cd442d'))).toBeUndefined();
    const settings = '0040eeee000100d1fe001f00004400004400002000006a0000';
    expect(hex(sealAnswer(session, 'mac', unhex(settings)))).toBe(`${settings}2a474282e7a47986`);
  });

  it('V-C2: an enciphered WriteData after V-B1, through the whole card (AN12196, table 17)', () => {
    const card = cardDrawing(RND_B, TI);
    plain(card, 0xca, '010203 0f 83');
    plain(card, 0x5a, '010203');
    expect(plain(card, 0xcd, '02 03 0000 800000').status).toBe('9100');
    say(card, '9071000002000000');
    say(card, '90af00002035c3e05a752e0144bac0de51c1f22c56b34408a23d8aea266cab947ea8e0118d00');
    const command =
      '908d00009f02000000800000421c73a27d827658af481fdff20a5025b559d0e3aa21e58d347f343cffc768bfe596c706' +
      'bc00f2176781d4b0242642a0ff5a42c461aaf894d9a1284b8c76bcfa658acd40555d362e08db15cf421b51283f9064bc' +
      'be20e96cae545b407c9d651a3315b27373772e5da2367d2064ae054af996c6f1f669170fa88ce8c4e3a4a7bbbef0fd97' +
      '1ff532c3a802af745660f2b4d1d9a8499661ebf300';
    expect(say(card, command)).toBe('fc222e5f7a5424529100');
    const file = card.eeprom().applications.get('010203')?.files.get(2);
    expect(file?.type === 'standard' && hex(file.bytes)).toBe(WRITTEN);
  });

  it('V-C7: GetCardUID enciphered (AN12196, table 28)', () => {
    const session: Session = {
      kind: 'ev2',
      keyNo: 0,
      enc: unhex('2b4d963c014dc36f24f69a50a394f875'),
      mac: unhex('379d32130ce61705dd5fd8c36b95d764'),
      ti: unhex('df055522'),
      counter: 0,
    };
    const shape = { ins: 0x51, header: Buffer.alloc(0), mode: 'full', dataBytes: 0 } as const;
    expect(openCommand(session, shape, unhex('8e2c155adda99be3'))).toHaveLength(0);
    expect(hex(sealAnswer(session, 'full', unhex('04958caa5c5e80')))).toBe(
      '70756055688505b52a5e26e59e329cd6595f672298ea41b7',
    );
  });
});
