import { afterAll, beforeAll, describe } from 'vitest';
import { accessSuite } from './port/access-suite.ts';
import { deliverySuite } from './port/delivery-suite.ts';
import { startEmbedded } from './port/embedded.ts';
import { type BrokerUnderTest, SUITE_CLIENTS } from './port/under-test.ts';

describe.each([
  ['access', accessSuite],
  ['delivery', deliverySuite],
] as const)('%s on the embedded broker', (_name, suite) => {
  let broker: BrokerUnderTest;
  beforeAll(async () => {
    broker = await startEmbedded(SUITE_CLIENTS);
  });
  afterAll(() => broker?.stop());
  suite(() => broker);
});
