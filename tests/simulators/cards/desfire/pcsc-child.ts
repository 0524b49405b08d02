/** Says commands (hex, arguments) to the first card of pcscd and prints its ATR and answers as JSON. */
import { setTimeout as wait } from 'node:timers/promises';
import { Context, SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1, SCARD_SHARE_SHARED } from 'smartcard';

/** pcscd looks at a virtual reader every 0.4 s, when it gets its turn on the machine. */
const TRIES = 800;
const TRY_EVERY_MS = 50;

async function connect() {
  const context = new Context();
  for (let left = TRIES; ; left--) {
    try {
      const [reader] = context.listReaders();
      if (!reader) throw new Error('no reader');
      return await reader.connect(SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1);
    } catch (error) {
      if (left === 0) throw error;
      await wait(TRY_EVERY_MS);
    }
  }
}

const card = await connect();
const answers: string[] = [];
for (const apdu of process.argv.slice(2))
  answers.push(
    Buffer.from(await card.transmit(Buffer.from(apdu, 'hex'), { autoGetResponse: false })).toString('hex'),
  );
process.stdout.write(JSON.stringify({ atr: Buffer.from(card.atr ?? []).toString('hex'), answers }));
process.exit(0);
