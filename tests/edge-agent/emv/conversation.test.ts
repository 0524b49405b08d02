import { describe, expect, it } from 'vitest';
import { type OpenedApplication, openApplication } from '../../../edge-agent/emv/conversation.ts';
import { PAN_BYTES, panOfTrack2, track2Expiry } from '../../../edge-agent/emv/digits.ts';
import { SecretArena } from '../../../edge-agent/emv/secret-bytes.ts';
import { candidatesOf } from '../../../edge-agent/emv/select.ts';
import { readObjects } from '../../../edge-agent/tlv.ts';
import type { Trace } from './support/amex-trace.ts';
import { FORMAT_1, ONE_APPLICATION, TWO_APPLICATIONS, WRONG_LENGTH_FIRST } from './support/masked-cards.ts';
import { hex, replay, SUPPORTED } from './support/replay.ts';

async function open(trace: Trace, commands: string[] = []) {
  const talk = { ...replay(trace, (command) => void commands.push(command)), arena: new SecretArena() };
  return openApplication(talk, SUPPORTED, new Map());
}

function opened(result: Awaited<ReturnType<typeof open>>): OpenedApplication {
  if (result === 'absent' || 'refused' in result) throw new Error(JSON.stringify(result));
  return result.value;
}

const PPSE = (TWO_APPLICATIONS[0] as Trace[number])[0];
const [, directory] = TWO_APPLICATIONS[0] as Trace[number];
const answerTo = (trace: Trace, step: number, answer: string): Trace =>
  trace.map(([command, said], n) => [command, n === step ? answer : said] as const);

describe('the directory of a card', () => {
  const candidates = (answer: string) =>
    candidatesOf({ data: hex(answer), status: 0x9000 }, SUPPORTED)?.map(
      ({ aid, priority, scheme }) => `${priority} ${scheme} ${aid.toString('hex')}`,
    );
  const entry = (aid: string, rest = '') => {
    const body = `4f${(aid.length / 2).toString(16).padStart(2, '0')}${aid}${rest}`;
    return `61${(body.length / 2).toString(16).padStart(2, '0')}${body}`;
  };
  const tlv = (tag: string, value: string) =>
    `${tag}${(value.length / 2).toString(16).padStart(2, '0')}${value}`;
  const ppse = (...entries: string[]) =>
    tlv('6f', `840e325041592e5359532e4444463031${tlv('a5', tlv('bf0c', entries.join('')))}`);

  it('is read with its priorities', () => {
    expect(candidates(directory.slice(0, -4))).toEqual([
      '1 visa a0000000421010',
      '2 mastercard a0000000041010',
    ]);
  });

  it('sorts by priority, none last, equals in the card’s order, whatever else the priority byte says', () => {
    const list = ppse(
      entry('a0000000031010'),
      entry('a0000000041010', '870183'),
      entry('a000000025010403', '870102'),
      entry('a00000000310109999', '870103'),
    );
    expect(candidates(list)).toEqual([
      '2 amex a000000025010403',
      '3 mastercard a0000000041010',
      '3 visa a00000000310109999',
      '16 visa a0000000031010',
    ]);
  });

  it('passes over applications that are not supported, other kernels, and entries without an AID', () => {
    const list = ppse(
      entry('a0000000651010'),
      entry('a000000003', '870101'),
      entry('a0000000041010', '9f2a0103'),
      entry('a0000000031010', '9f2a0103'),
      tlv('61', '870101'),
    );
    expect(candidates(list)).toEqual(['16 visa a0000000031010']);
  });

  it('that is malformed or not a directory is unreadable', () => {
    expect(candidates('')).toBeUndefined();
    expect(candidates('6f00')).toBeUndefined();
    expect(candidates(ppse(entry('a0000000031010')).replace('3250', '3150'))).toBeUndefined();
    expect(candidates(ppse('61054f07a00000'))).toBeUndefined();
    expect(candidates(ppse('618000'))).toBeUndefined();
  });
});

describe('published cards with masked numbers', () => {
  const panOf = (track2: Buffer | undefined) => {
    const pan = Buffer.alloc(PAN_BYTES);
    if (!track2 || panOfTrack2(track2, pan) === undefined) throw new Error('no track 2');
    return pan.toString('hex');
  };
  const recordOf = (answer: string) => {
    const outer = readObjects(hex(answer.slice(0, -4)), 'emv')?.[0];
    return new Map((readObjects(outer?.value ?? Buffer.alloc(0), 'emv') ?? []).map((o) => [o.tag, o.value]));
  };

  it('the first of two applications is opened and its record holds the published number and expiry', async () => {
    const commands: string[] = [];
    // As published this card says tag 82 twice, with other values: the whole of it is not taken.
    expect(await open(TWO_APPLICATIONS, commands)).toEqual({ refused: 'unreadable' });
    expect(commands).toEqual(TWO_APPLICATIONS.map(([command]) => command));
    const record = recordOf(TWO_APPLICATIONS[3]?.[1] as string);
    expect(panOf(record.get(0x57))).toBe('5599999999999999ffff');
    expect(track2Expiry(record.get(0x57) as Buffer)?.toString('hex')).toBe('1509');
  });

  it('one that is asked by its own list is asked for eight zeroes where the terminal has nothing', async () => {
    const commands: string[] = [];
    await open(ONE_APPLICATION, commands);
    expect(commands.slice(0, 4)).toEqual(ONE_APPLICATION.map(([command]) => command));
    const record = recordOf(ONE_APPLICATION[3]?.[1] as string);
    expect(record.get(0x9f6b)?.toString('hex')).toContain('d01192020000010000000f');
  });

  it('one that answers 6700 to its own list is asked again without values', async () => {
    const commands: string[] = [];
    const send = async (command: Uint8Array) => {
      const said = Buffer.from(command).toString('hex');
      commands.push(said);
      const { directory: ppse, fci, options, emptyGpo } = WRONG_LENGTH_FIRST;
      const full =
        said === PPSE ? ppse : said.startsWith('00a4') ? fci : said === emptyGpo ? options : '6700';
      return { data: hex(full.slice(0, -4)), status: Number.parseInt(full.slice(-4), 16) };
    };
    const { data, pdolValues } = opened(
      await openApplication({ send, arena: new SecretArena() }, SUPPORTED, new Map()),
    );
    // 33 bytes: 9F66 9F02 9F03 9F1A 95 5F2A 9A 9C 9F37.
    expect(commands[2]).toBe(`80a80000238321${'00'.repeat(33)}00`);
    expect(commands[3]).toBe(WRONG_LENGTH_FIRST.emptyGpo);
    expect(pdolValues).toHaveLength(0);
    expect(panOf(data.get(0x57))).toBe('4999999999999999ffff');
    expect(track2Expiry(data.get(0x57) as Buffer)?.toString('hex')).toBe('1509');
  });

  it('options in format 1 say what those of format 2 do', async () => {
    const commands: string[] = [];
    await open(answerTo(TWO_APPLICATIONS, 2, FORMAT_1), commands);
    // AFL 08010100 10010101 18010200.
    expect(commands[3]).toBe('00b2010c00');
  });
});

describe('a card that does not want', () => {
  it.each([
    ['no payment directory', 0, '6a82', 'absent'],
    ['an instruction that it does not know', 0, '6d00', 'absent'],
    ['conditions that it does not meet', 0, '6985', 'absent'],
    ['a length that it does not take', 0, '6700', 'absent'],
    ['parameters that it does not know', 0, '6b00', 'absent'],
    ['memory trouble', 0, '6581', { refused: 'unreadable' }],
    ['a blocked card', 0, '6a81', { refused: 'blocked' }],
    ['a blocked directory', 0, '6283', { refused: 'blocked' }],
    ['trouble', 0, '6f00', { refused: 'unreadable' }],
    ['an application that cannot be found', 1, '6a82', { refused: 'unreadable' }],
    ['a phone that is locked', 2, '6986', { refused: 'phone-locked' }],
    ['a record that is not there', 3, '6a83', { refused: 'unreadable' }],
    ['an FCI of another application', 1, '6f098407a00000000410109000', { refused: 'unreadable' }],
    ['options with a locator of three bytes', 2, '77098202000094030801009000', { refused: 'unreadable' }],
  ])('%s', async (_what, step, answer, result) => {
    expect(await open(answerTo(TWO_APPLICATIONS, step, answer))).toEqual(result);
  });

  it('an application that is blocked, or whose conditions are not met, leaves the next one', async () => {
    const second = '00a4040007a000000004101000';
    for (const trace of [
      answerTo(TWO_APPLICATIONS.slice(0, 2), 1, '6283'),
      answerTo(TWO_APPLICATIONS.slice(0, 3), 2, '6985'),
    ]) {
      const commands: string[] = [];
      const withSecond = [...trace, [second, '6a82'] as const];
      await open(withSecond, commands);
      expect(commands).toContain(second);
    }
    const allBlocked = [...answerTo(TWO_APPLICATIONS.slice(0, 2), 1, '6283'), [second, '6283'] as const];
    expect(await open(allBlocked)).toEqual({ refused: 'blocked' });
  });
});
