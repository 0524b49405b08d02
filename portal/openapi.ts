/** The API's description for outsiders (OpenAPI 3.1), made from the schemas that serialise the answers. */
import { type TSchema, Type } from 'typebox';
import { CityWire, DeviceWire, ExplanationWire, Health, Problem, TapWire, VehicleWire } from './schemas.ts';

const answers = (description: string, schema: TSchema) => ({
  '200': { description, content: { 'application/json': { schema } } },
});
const problem = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});
const textBody = (description: string) => ({
  description,
  content: { 'text/plain': { schema: { type: 'string' } } },
});
const lang = {
  name: 'lang',
  in: 'query',
  description: 'language of names and texts; without it the cookie or Accept-Language decides',
  schema: { type: 'string', enum: ['uk', 'en', 'de', 'pl'] },
};

/** The document as plain JSON. */
export function openApiDocument(): Record<string, unknown> {
  const ref = (name: string) => Type.Unsafe<unknown>({ $ref: `#/components/schemas/${name}` });
  const list = (name: string, of: string) => Type.Object({ v: Type.Literal(1), [name]: Type.Array(ref(of)) });
  const document = {
    openapi: '3.1.0',
    info: {
      title: 'Kvytok portal',
      version: '1',
      description:
        'What the living city shows, as JSON. Amounts are minor units in a string of digits; instants are UTC ' +
        'milliseconds of the city clock. No answer contains a card token, an account id or a name. Every path may ' +
        'answer 429 (too many requests) and, while the database is away, 503.',
    },
    paths: {
      '/api/v1/city': {
        get: {
          summary: 'The whole snapshot',
          parameters: [lang],
          responses: answers('snapshot', ref('City')),
        },
      },
      '/api/v1/taps': {
        get: {
          summary: 'Latest decided taps, newest first',
          parameters: [
            {
              name: 'limit',
              in: 'query',
              schema: { type: 'integer', minimum: 1, maximum: 500, default: 50 },
            },
          ],
          responses: { ...answers('taps', list('taps', 'Tap')), '400': problem('limit is out of bounds') },
        },
      },
      '/api/v1/taps/{tapId}': {
        get: {
          summary: 'Why one tap cost what it cost',
          parameters: [{ name: 'tapId', in: 'path', required: true, schema: { type: 'string' } }, lang],
          responses: {
            ...answers('explanation', ref('Explanation')),
            '404': problem('unknown or malformed id'),
          },
        },
      },
      '/api/v1/vehicles': {
        get: { summary: 'Where vehicles are', responses: answers('vehicles', list('vehicles', 'Vehicle')) },
      },
      '/api/v1/devices': {
        get: { summary: 'Health of validators', responses: answers('devices', list('devices', 'Device')) },
      },
      '/events': {
        get: {
          summary: 'What moves, as server-sent events',
          description:
            'Unnamed messages are fragments of the page. Named: `clock`, `vehicles`, `pace`, `taps` with JSON data. ' +
            'A connection begins with the whole picture; Last-Event-ID is not needed. Clients that do not read are dropped.',
          parameters: [lang],
          responses: {
            '200': {
              description: 'stream',
              content: { 'text/event-stream': { schema: { type: 'string' } } },
            },
            '503': problem('too many viewers'),
          },
        },
      },
      '/audit/checkpoint': {
        get: {
          summary: 'Latest signed state of the audit log',
          description: 'A signed note (c2sp.org/tlog-checkpoint).',
          responses: { '200': textBody('note'), '404': problem('nothing was signed yet') },
        },
      },
      '/audit/keys': {
        get: {
          summary: 'Public keys of the audit log, latest first',
          description:
            'One in a line (c2sp.org/signed-note). Compare them with those that the city published elsewhere.',
          responses: { '200': textBody('keys') },
        },
      },
      '/audit/tile/{path}': {
        get: {
          summary: 'A tile of hashes of the audit log',
          description:
            'By level and number (c2sp.org/tlog-tiles). Entries are not published: they speak of accounts.',
          parameters: [{ name: 'path', in: 'path', required: true, schema: { type: 'string' } }],
          responses: {
            '200': { description: 'hashes', content: { 'application/octet-stream': {} } },
            '404': problem('there is no such tile yet'),
          },
        },
      },
      '/open-data': {
        get: {
          summary: 'Index of the open data: every version with its files',
          responses: {
            '200': {
              description: 'index',
              content: {
                'application/json': {
                  schema: { type: 'object', properties: { v: { const: 1 }, versions: { type: 'array' } } },
                },
              },
            },
            '404': problem('nothing is published'),
          },
        },
      },
      '/open-data/{path}': {
        get: {
          summary: 'A file that the index names',
          description: 'A version never changes: later corrections are another version (docs/OPEN-DATA.md).',
          parameters: [{ name: 'path', in: 'path', required: true, schema: { type: 'string' } }],
          responses: {
            '200': { description: 'file', content: { 'text/csv': {}, 'application/json': {} } },
            '304': { description: 'the file that is held already (If-None-Match)' },
            '404': problem('the index names no such file'),
          },
        },
      },
      '/healthz': { get: { summary: 'Is the process alive', responses: answers('alive', Health) } },
      '/readyz': {
        get: {
          summary: 'Does the database answer',
          responses: { ...answers('ready', Health), '503': { description: 'not ready' } },
        },
      },
    },
    components: {
      schemas: {
        City: CityWire,
        Tap: TapWire,
        Vehicle: VehicleWire,
        Device: DeviceWire,
        Explanation: ExplanationWire,
        Problem,
      },
    },
  };
  // Schemas carry marks of their library; what outsiders read is plain JSON.
  return JSON.parse(JSON.stringify(document)) as Record<string, unknown>;
}
