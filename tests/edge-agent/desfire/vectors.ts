/**
 * Published transcripts of DESFire EV2 secure messaging and of AuthenticateAES, as data. Sources: NXP AN12196 (tables are
 * those of revision 2.0), AN12343, AN10922, RFC 4493, and public self tests that quote them.
 */

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');

/** An authentication with its randoms; APDUs as they travel. */
export interface HandshakeVector {
  readonly name: string;
  readonly keyNo: number;
  readonly key: string;
  readonly rndA: string;
  readonly rndB: string;
  readonly challenge: string;
  readonly answer: string;
  readonly proof: string;
  readonly enc: string;
  readonly mac: string;
  readonly ti: string;
}

const ZERO_KEY = '00'.repeat(16);

export const EV2_FIRST: readonly HandshakeVector[] = [
  {
    name: 'AN12196 table 14',
    keyNo: 0,
    key: ZERO_KEY,
    rndA: '13C5DB8A5930439FC3DEF9A4C675360F',
    rndB: 'B9E2FC789B64BF237CCCAA20EC7E6E48',
    challenge: 'A04C124213C186F22399D33AC2A30215',
    answer: '35C3E05A752E0144BAC0DE51C1F22C56B34408A23D8AEA266CAB947EA8E0118D',
    proof: '3FA64DB5446D1F34CD6EA311167F5E4985B89690C04A05F17FA7AB2F08120663',
    enc: '1309C877509E5A215007FF0ED19CA564',
    mac: '4C6626F5E72EA694202139295C7A7FC7',
    ti: '9D00C4DF',
  },
  {
    name: 'AN12343 page 33',
    keyNo: 0,
    key: ZERO_KEY,
    rndA: 'B04D0787C93EE0CC8CACC8E86F16C6FE',
    rndB: 'FA659AD0DCA738DD65DC7DC38612AD81',
    challenge: '24677DDBD46349E623798FD729006E79',
    answer: '3B50445F21D21D77D500794DEB245E5A754F5F901844259F4C9B31A5C7335ACD',
    proof: '04C6DBD67417ED0D31DDDE4D2E3FFAC2B4B074F638EEF7FFF9254963B65C7759',
    enc: '63DC07286289A7A6C0334CA31C314A04',
    mac: '774F26743ECE6AF5033B6AE8522946F6',
    ti: '8CF141F3',
  },
  {
    name: 'AN12196 table 19',
    keyNo: 3,
    key: ZERO_KEY,
    rndA: 'B98F4C50CF1C2E084FD150E33992B048',
    rndB: '91517975190DCEA6104948EFA3085C1B',
    challenge: 'B875CEB0E66A6C5CD00898DC371F92D1',
    answer: 'FF0306E47DFBC50087C4D8A78E88E62DE1E8BE457AA477C707E2F0874916A8B1',
    proof: '0CC9A8094A8EEA683ECAAC5C7BF20584206D0608D477110FC6B3D5D3F65C3A6A',
    enc: '7A93D6571E4B180FCA6AC90C9A7488D4',
    mac: 'FC4AF159B62E549B5812394CAB1918CC',
    ti: '7614281A',
  },
];

/** AN12196 table 23: NonFirst with key 0 within the transaction of table 19. */
export const EV2_NON_FIRST = {
  rndA: '60BE759EDA560250AC57CDDC11743CF6',
  challenge: 'A6A2B3C572D06C097BB8DB70463E22DC',
  answer: 'BE7D45753F2CAB85F34BC60CE58B940763FE969658A532DF6D95EA2773F6E991',
  enc: '4CF3CB41A22583A61E89B158D252FC53',
  mac: '5529860B2FC5FB6154B7F28361D30BF9',
} as const;

/** A session with the counter of its next command. */
export interface SessionVector {
  readonly enc: string;
  readonly mac: string;
  readonly ti: string;
  readonly counter: number;
}

const NO_ENC = '00'.repeat(16);

/** AN12196 table 7: GetFileSettings in mode MAC. */
export const FILE_SETTINGS = {
  session: { enc: NO_ENC, mac: '8248134A386E86EB7FAF54A52E536CB6', ti: '7A21085E', counter: 0 },
  command: '90F5000009026597A457C8CD442C00',
  answer: '0040EEEE000100D1FE001F00004400004400002000006A0000 2A474282E7A47986 9100',
  data: '0040EEEE000100D1FE001F00004400004400002000006A0000',
} as const;

/** AN12196 table 17: WriteData in mode FULL, in the session of table 14. */
export const WRITE_DATA = {
  data: `0051D1014D550463686F6F73652E75726C2E636F6D2F6E7461673432343F653D${'30'.repeat(32)}26633D${'30'.repeat(16)}${'00'.repeat(45)}`,
  command: `908D00009F02000000800000
    421C73A27D827658AF481FDFF20A5025B559D0E3AA21E58D347F343CFFC768BFE596C706BC00F2176781D4B0242642A0
    FF5A42C461AAF894D9A1284B8C76BCFA658ACD40555D362E08DB15CF421B51283F9064BCBE20E96CAE545B407C9D651A
    3315B27373772E5DA2367D2064AE054AF996C6F1F669170FA88CE8C4E3A4A7BBBEF0FD971FF532C3A802AF745660F2B4
    D1D9A8499661EBF300`,
  answer: 'FC222E5F7A542452 9100',
} as const;

/** AN12196 table 18: ChangeFileSettings in mode FULL, the next command of that session. */
export const CHANGE_FILE_SETTINGS = {
  header: '02',
  data: '4000E0C1F121200000430000430000',
  command: '905F0000190261B6D97903566E84C3AE5274467E89EAD799B7C1A0EF7A0400',
  answer: '57BFF87B1241E93D 9100',
} as const;

/** AN12196 table 28: GetCardUID. */
export const CARD_UID = {
  session: {
    enc: '2B4D963C014DC36F24F69A50A394F875',
    mac: '379D32130CE61705DD5FD8C36B95D764',
    ti: 'DF055522',
    counter: 0,
  },
  command: '90510000088E2C155ADDA99BE300',
  answer: '70756055688505B52A5E26E59E329CD6 595F672298EA41B7 9100',
  uid: '04958CAA5C5E80',
} as const;

/** AN12196 tables 24 to 26: a plain write, then ChangeKey of another key and of the session's own. */
export const CHANGE_KEY = {
  session: { enc: EV2_NON_FIRST.enc, mac: EV2_NON_FIRST.mac, ti: '7614281A', counter: 1 },
  plainWrite: {
    data: 'FF0506E10500808283000000000000000000',
    command: '908D000019010E0000120000FF0506E1050080828300000000000000000000',
  },
  other: {
    keyNo: 2,
    newKey: 'F3847D627727ED3BC9C4CC050489B966',
    command: '90C4000029022CF362B7BF4311FF3BE1DAA295E8C68DE09050560D19B9E16C2393AE9CD1FAC75D0CE20BCD1D06E600',
    answer: '203BB55D1089D587 9100',
  },
  own: {
    keyNo: 0,
    newKey: '5004BF991F408672B1EF00F08F9E8647',
    command: '90C400002900C0EB4DEEFEDDF0B513A03A95A75491818580503190D4D05053FF75668A01D6FDA6610234BDED643200',
    answer: '9100',
  },
} as const;

/** AN12343 page 54: WriteData and ReadData in mode MAC. */
export const MAC_MODE = {
  session: { enc: NO_ENC, mac: '9366FA195EB566F5BD2BAD4020B83002', ti: 'E2D3AF69', counter: 0 },
  write: {
    header: '00000000190000',
    data: '22'.repeat(25),
    mac: '68F2C28C575A1628',
    answer: '0820F68898C2A7F1',
  },
  read: {
    header: '00000000300000',
    mac: '0D9BE191D5960834',
    data: `${'22'.repeat(25)}${'00'.repeat(23)}`,
    answerMac: 'A49A44222D926666',
  },
} as const;

/** IVs of commands, by session key, transaction and counter. */
export const COMMAND_IVS = [
  ['66A8CB93269DC9BC2885B7A91B9C697B', 'ED56F6E6', 0, 'DA0F644A4986275957CF1EC3AF4CCE53'],
  ['445A8626B33384593212 32FADF6ADE2B', '11223344', 5, '177494FCC4F1DAB2AFBE8FAE2057A9D2'],
  ['1309C877509E5A215007FF0ED19CA564', '9D00C4DF', 0, 'D2CB7277A17841A06654A48188C1F8F5'],
  ['1309C877509E5A215007FF0ED19CA564', '9D00C4DF', 1, '3E27082AB2ACC1EF55C57547934E9962'],
] as const;

/** Session keys of a transaction's MAC after 8 transactions. */
export const TRANSACTION_KEYS = {
  key: '66A8CB93269DC9BC2885B7A91B9C697B',
  uid: '04010203040506',
  counterBefore: 8,
  mac: '7C1AD2D9C5C08154A0A4914B401A6598',
  enc: '119B902A07B18A865B8E1B0060594784',
} as const;

/** AuthenticateAES: first two passes. */
export const EV1_HANDSHAKE = {
  key: ZERO_KEY,
  rndA: '01'.repeat(16),
  challenge: '9C3FED4067DA26E3F9BC9CFA5D583810',
  rndB: '306CB0EA51BAD113F6FDEB7C808AE3C8',
  answer: 'CB02BED478B258DD12E6422EA31AC5C2FD1E00FB64779EC89100B7CA1489610D',
} as const;

/** ChangeKey in sessions of AuthenticateAES: session key, IV, old key or none, new key, version, what is sent. */
export const EV1_CHANGE_KEY = [
  {
    name: 'own key, zero IV',
    session: 'F44B26F5C05DDD7110772281C4D066E8',
    iv: ZERO_KEY,
    keyNo: 0,
    newKey: '00102030405060708090A0B0B0A09080',
    oldKey: undefined,
    version: 0x10,
    sent: 'E9F85E219496C2B58C1090DC3935FAE9E840CF61B383D9531946256B1F110C10',
  },
  {
    name: 'own key, IV of the command before',
    session: '90F7A20191036845EC63DECD544B9931',
    iv: '8A8FA36F55CD210DD8054658AC70D99A',
    keyNo: 0,
    newKey: ZERO_KEY,
    oldKey: undefined,
    version: 0,
    sent: '635375E4919F8AF2E9E86B1C1BA55B0C0807EAF484D7A7EF6E0C3084160F5A61',
  },
  {
    name: 'another key',
    session: 'C2A1E47BD8100044FE6D00A74D7AB17C',
    iv: ZERO_KEY,
    keyNo: 1,
    newKey: '00102030405060708090A0B0B0A09080',
    oldKey: ZERO_KEY,
    version: 0x10,
    sent: 'E7ECCB6BD1CA64BC161A12B1C024F71430337408C8A87EACAB7A1FF18951FCA3',
  },
] as const;
