/** Names that officers type, held against the folder of the city: what it has in any of its files is let through. */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import * as settle from '../../cli/commands/settle.ts';
import { refuseUnknownCarrier, refuseUnknownTrip } from '../../cli/known-names.ts';
import { CITY_DIR } from '../fare-engine/support/running-engine.ts';
import { runCommand } from '../support/command-io.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('known-names');
afterAll(() => folder.remove());
for (const file of ['city.yaml', 'devices'])
  cpSync(join(CITY_DIR, file), join(folder.path, file), { recursive: true });
mkdirSync(join(folder.path, 'gtfs'));
const feed = (name: string, text: string) => writeFileSync(join(folder.path, 'gtfs', name), text);
const carrier = (id: string) => () => refuseUnknownCarrier(id, folder.path);
const trip = (id: string, route: string) => () => refuseUnknownTrip(id, route, folder.path);

test('a carrier that left the feed still signs for its months, as long as city.yaml settles with it', () => {
  feed('agency.txt', 'agency_id,agency_name\nnew-bus,New\n');
  expect(carrier('new-bus')).not.toThrow();
  expect(carrier('tet')).not.toThrow();
  expect(carrier('tte')).toThrow(/no carrier "tte".*: halych, mat, new-bus, seret, tet$/);
});

test('rows are read as those of any feed: with spaces, lines of another length, a stray quote', () => {
  feed('agency.txt', 'agency_id,agency_name\n new-bus ,New\nother,Other,,\n');
  expect(carrier('new-bus')).not.toThrow();
  expect(carrier('other')).not.toThrow();
  feed('trips.txt', 'route_id,trip_id\nT1, t-1\nT2,t-2,\n');
  expect(trip('t-1', 'T1')).not.toThrow();
  expect(trip('t-2', 'T1')).toThrow(/of the route T2/);
  feed('trips.txt', 'route_id,trip_id\nT1,"t-1\n');
  expect(trip('t-1', 'T1')).not.toThrow();
});

test('a signer is named for a carrier of the city alone', async () => {
  feed('agency.txt', 'agency_id,agency_name\ntet,TET\n');
  const env = {
    KVYTOK_POSTGRES_URL: 'postgres://office_runtime@127.0.0.1:1/none',
    KVYTOK_CITY_DIR: folder.path,
  };
  const args = [
    'signer',
    '--as',
    'carrier',
    '--carrier',
    'tte',
    '--name',
    'A',
    '--key',
    'key.pem',
    '--who',
    'B',
  ];
  await expect(runCommand(settle, args, '', folder.path, env)).rejects.toThrow(/no carrier "tte"/);
});

test('without a feed nothing is refused', () => {
  rmSync(join(folder.path, 'gtfs'), { recursive: true });
  expect(carrier('anybody')).not.toThrow();
  expect(trip('any', 'T1')).not.toThrow();
});
