import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { behindReader } from '../../../../simulators/cards/desfire/behind-reader.ts';
import { createDesfireCard } from '../../../../simulators/cards/desfire/desfire-card.ts';
import { issueDesfire } from '../../../../simulators/cards/desfire/issue-desfire.ts';
import { startPrivatePcscd } from '../../../../simulators/cards/pcscd.ts';
import { insertIntoVpcd } from '../../../../simulators/cards/vpcd-card.ts';
import { skipWithoutPcsc } from '../../../support/pcsc-here.ts';
import { desfireOrder } from './sample-desfire.ts';

const CHILD = fileURLToPath(new URL('./pcsc-child.ts', import.meta.url));

it.skipIf(skipWithoutPcsc('A DESFire card over PC/SC'))(
  'a DESFire card on the real PC/SC stack has its ATR, its UID, its version and a challenge',
  async () => {
    const pcscd = await startPrivatePcscd();
    const card = behindReader(createDesfireCard({ eeprom: issueDesfire(desfireOrder()) }));
    const lying = await insertIntoVpcd({ port: pcscd.vpcdPort, card });
    try {
      const say = ['ffca000000', '00a4040008f04b5659544f4b0200', '9060000000', '90af000000', '90af000000'];
      const { stdout } = await promisify(execFile)(
        process.execPath,
        [
          '--disable-warning=ExperimentalWarning',
          CHILD,
          ...say,
          '9071000002010000',
          '90ad0000070100000080000000',
        ],
        { env: { ...process.env, PCSCLITE_CSOCK_NAME: pcscd.socketPath } },
      );
      const { atr, answers } = JSON.parse(stdout) as { atr: string; answers: string[] };
      expect(atr).toBe('3b818001' + '8080');
      expect(answers.slice(0, 5)).toEqual([
        '041122334455669000',
        '9000',
        '04010112001a0591af',
        '04010102011a0591af',
        '04112233445566ba55ed100026219100',
      ]);
      expect(answers[5]).toMatch(/^[0-9a-f]{32}91af$/);
      expect(answers[6]).toBe('91ca');
    } finally {
      await lying.remove();
      await pcscd.stop();
    }
  },
);
