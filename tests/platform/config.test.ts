import { Type } from 'typebox';
import { describe, expect, test } from 'vitest';
import { nearest, readEnvironment } from '#platform/config.ts';
import type { OperatorError } from '#platform/errors.ts';

const schema = Type.Object({
  KVYTOK_MQTT_URL: Type.String({ pattern: '^mqtts?://', description: 'address of the broker' }),
  KVYTOK_PORT: Type.Integer({ minimum: 1, maximum: 65_535, default: 8080 }),
  KVYTOK_VERBOSE: Type.Optional(Type.Boolean()),
  KVYTOK_MODE: Type.Union([Type.Literal('city'), Type.Literal('serve')], { default: 'city' }),
  KVYTOK_SECRET: Type.Optional(Type.String({ minLength: 8 })),
});

function refusal(env: Record<string, string>): OperatorError {
  try {
    readEnvironment(schema, env);
  } catch (error) {
    return error as OperatorError;
  }
  throw new Error('it was accepted');
}

describe('configuration from the environment', () => {
  test('reads numbers and booleans from text and fills what is missing', () => {
    const env = {
      KVYTOK_MQTT_URL: 'mqtt://127.0.0.1:1883',
      KVYTOK_PORT: '65535',
      KVYTOK_VERBOSE: 'true',
      HOME: '/x',
    };
    expect(readEnvironment(schema, env)).toEqual({
      KVYTOK_MQTT_URL: 'mqtt://127.0.0.1:1883',
      KVYTOK_PORT: 65_535,
      KVYTOK_VERBOSE: true,
      KVYTOK_MODE: 'city',
    });
  });

  test('an empty text counts as missing', () => {
    expect(readEnvironment(schema, { KVYTOK_MQTT_URL: 'mqtt://x', KVYTOK_PORT: '' }).KVYTOK_PORT).toBe(8080);
  });

  test('names all problems at once', () => {
    const error = refusal({
      KVYTOK_PORT: '65536',
      KVYTOK_VERBOSE: 'maybe',
      KVYTOK_MODE: 'town',
      KVYTOK_PROT: '1',
    });
    expect(error.code).toBe('CONFIG_INVALID');
    for (const part of [
      'KVYTOK_MQTT_URL is missing',
      'address of the broker',
      'KVYTOK_PORT does not fit (integer, at least 1, at most 65535)',
      'KVYTOK_VERBOSE does not fit',
      'one of city, serve',
      'KVYTOK_PROT is not known; was KVYTOK_PORT meant?',
    ])
      expect(error.happened).toContain(part);
  });

  test.each(['0', '65536', '1.5', 'x', '1e3', ' 1'])('a port of %j is refused', (KVYTOK_PORT) => {
    expect(refusal({ KVYTOK_MQTT_URL: 'mqtt://x', KVYTOK_PORT }).happened).toContain('KVYTOK_PORT');
  });

  test('never repeats a value, since some are secrets', () => {
    expect(refusal({ KVYTOK_MQTT_URL: 'mqtt://x', KVYTOK_SECRET: 'hunter2' }).message).not.toContain(
      'hunter2',
    );
  });

  test('takes names of other roles that share the environment', () => {
    const env = { KVYTOK_MQTT_URL: 'mqtt://x', KVYTOK_INFLUX_URL: 'http://x' };
    expect(readEnvironment(schema, env, { alsoKnown: ['KVYTOK_INFLUX_URL'] }).KVYTOK_PORT).toBe(8080);
    expect(refusal(env).happened).toContain('KVYTOK_INFLUX_URL is not known');
  });

  test('suggests only what is near', () => {
    expect(nearest('citty', ['city', 'serve'])).toBe('city');
    expect(nearest('zzzzzz', ['city', 'serve'])).toBeUndefined();
  });
});
