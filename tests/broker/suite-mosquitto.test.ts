import { afterAll, beforeAll, describe } from 'vitest';
import { accessSuite } from './port/access-suite.ts';
import { deliverySuite } from './port/delivery-suite.ts';
import { startMosquitto } from './port/mosquitto.ts';
import { type BrokerUnderTest, SUITE_CLIENTS } from './port/under-test.ts';

describe.each([
  ['access', accessSuite],
  ['delivery', deliverySuite],
] as const)('%s on a real mosquitto', (_name, suite) => {
  let broker: BrokerUnderTest;
  beforeAll(async () => {
    broker = await startMosquitto(SUITE_CLIENTS);
  });
  afterAll(() => broker?.stop());
  suite(() => broker);
});
