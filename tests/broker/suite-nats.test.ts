import { afterAll, beforeAll, describe } from 'vitest';
import { accessSuite } from './port/access-suite.ts';
import { deliverySuite } from './port/delivery-suite.ts';
import { startNats } from './port/nats.ts';
import { type BrokerUnderTest, SUITE_CLIENTS } from './port/under-test.ts';

describe.each([
  ['access', accessSuite],
  ['delivery', deliverySuite],
] as const)('%s on a real nats-server', (_name, suite) => {
  let broker: BrokerUnderTest;
  beforeAll(async () => {
    broker = await startNats(SUITE_CLIENTS);
  });
  afterAll(() => broker?.stop());
  suite(() => broker);
});
