import { afterAll, beforeAll, describe } from 'vitest';
import { accessSuite } from './port/access-suite.ts';
import { deliverySuite } from './port/delivery-suite.ts';
import { startMosquitto, startMosquittoTls } from './port/mosquitto.ts';
import { type BrokerUnderTest, SUITE_CLIENTS } from './port/under-test.ts';

describe.each([
  ['access', accessSuite, 'secret', startMosquitto],
  ['delivery', deliverySuite, 'secret', startMosquitto],
  ['access', accessSuite, 'certificate', startMosquittoTls],
  ['delivery', deliverySuite, 'certificate', startMosquittoTls],
] as const)('%s on a real mosquitto', (_name, suite, _by, start) => {
  let broker: BrokerUnderTest;
  beforeAll(async () => {
    broker = await start(SUITE_CLIENTS);
  });
  afterAll(() => broker?.stop());
  suite(() => broker);
});
