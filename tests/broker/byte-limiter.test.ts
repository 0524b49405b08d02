import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ByteLimits, createByteLimiter } from '../../broker/byte-limiter.ts';

const LIMITS: ByteLimits = {
  packetBytesMax: 1000,
  connectBytesMax: 200,
  loginBytesMax: 500,
  deviceBytesPerSecond: 1000,
  deviceBurstBytes: 2000,
  devicePacketsPerSecond: 10,
  deviceBurstPackets: 100,
};

/** A packet of a type with a body of so many bytes. */
function packet(type: number, bodyBytes: number): Buffer {
  const header = [type << 4];
  let rest = bodyBytes;
  do {
    header.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest > 0);
  return Buffer.concat([Buffer.from(header), Buffer.alloc(bodyBytes, 0xff)]);
}

const CONNECT = packet(1, 20);

function afterConnect(limits = LIMITS) {
  const limiter = createByteLimiter(limits);
  expect(limiter.accept(CONNECT, 0).ok).toBe(true);
  limiter.loggedIn(true);
  return limiter;
}

describe('byte limiter', () => {
  it('takes a packet of exactly the largest size and refuses one a byte longer', () => {
    const header = 3; // one byte of type, two of length
    expect(afterConnect().accept(packet(3, 1000 - header), 0).ok).toBe(true);
    expect(afterConnect().accept(packet(3, 1001 - header), 0)).toEqual({
      ok: false,
      reason: 'PACKET_TOO_LARGE',
    });
  });

  it('refuses 268 MB at the announcement, before any of it has come', () => {
    expect(afterConnect().accept(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f]), 0)).toEqual({
      ok: false,
      reason: 'PACKET_TOO_LARGE',
    });
  });

  it('refuses a length of five bytes', () => {
    const limiter = afterConnect({ ...LIMITS, packetBytesMax: 2 ** 40 });
    expect(limiter.accept(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80, 0x01]), 0)).toEqual({
      ok: false,
      reason: 'NOT_MQTT',
    });
  });

  it.each([
    ['an HTTP request', Buffer.from('GET / HTTP/1.1\r\n\r\n')],
    ['a TLS greeting', Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00])],
    ['type 0', packet(0, 4)],
    ['type 15', packet(15, 4)],
    ['a publish before CONNECT', packet(3, 4)],
  ])('refuses %s as the first bytes', (_name, bytes) => {
    expect(createByteLimiter(LIMITS).accept(bytes, 0)).toEqual({ ok: false, reason: 'NOT_MQTT' });
  });

  it('refuses a CONNECT over its size', () => {
    expect(createByteLimiter(LIMITS).accept(packet(1, 197), 0).ok).toBe(true);
    expect(createByteLimiter(LIMITS).accept(packet(1, 198), 0)).toEqual({
      ok: false,
      reason: 'CONNECT_TOO_LARGE',
    });
  });

  it('refuses a client that talks on and on before it is let in', () => {
    const limiter = createByteLimiter(LIMITS);
    expect(limiter.accept(CONNECT, 0).ok).toBe(true);
    expect(limiter.accept(packet(3, 400), 0).ok).toBe(true);
    expect(limiter.accept(packet(3, 400), 0)).toEqual({ ok: false, reason: 'TOO_MUCH_BEFORE_LOGIN' });
  });

  it('slows a device down beyond its rate, and no service', () => {
    const device = afterConnect();
    expect(device.accept(packet(3, 900), 0)).toEqual({ ok: true, waitMs: 0 });
    expect(device.accept(packet(3, 900), 0)).toEqual({ ok: true, waitMs: 0 });
    const verdict = device.accept(packet(3, 900), 0);
    expect(verdict.ok && verdict.waitMs).toBeGreaterThan(500);
    expect(device.accept(packet(3, 10), 10_000)).toEqual({ ok: true, waitMs: 0 });
    const service = createByteLimiter(LIMITS);
    service.accept(CONNECT, 0);
    service.loggedIn(false);
    for (let i = 0; i < 20; i++) expect(service.accept(packet(3, 900), 0)).toEqual({ ok: true, waitMs: 0 });
  });

  it('slows a device down that sends more packets than its rate, however small they are', () => {
    const device = afterConnect(); // which was a packet
    const small = Buffer.concat(Array.from({ length: 99 }, () => packet(12, 0)));
    expect(device.accept(small, 0)).toEqual({ ok: true, waitMs: 0 });
    expect(device.accept(packet(12, 0), 0)).toEqual({ ok: true, waitMs: 100 });
    expect(device.accept(packet(12, 0), 200)).toEqual({ ok: true, waitMs: 0 });
  });

  it('says when the CONNECT is whole', () => {
    const limiter = createByteLimiter(LIMITS);
    limiter.accept(CONNECT.subarray(0, 21), 0);
    expect(limiter.connectSeen).toBe(false);
    limiter.accept(CONNECT.subarray(21), 0);
    expect(limiter.connectSeen).toBe(true);
  });

  it('judges the same however the bytes are cut', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 1100 }), { maxLength: 12 });
    fc.assert(
      fc.property(sizes, fc.array(fc.integer({ min: 1, max: 300 }), { minLength: 1 }), (bodies, cuts) => {
        const stream = Buffer.concat(bodies.map((bytes) => packet(3, bytes)));
        const whole = afterConnect().accept(stream, 0);
        const limiter = afterConnect();
        let refusal: string | undefined;
        for (let at = 0, i = 0; at < stream.length && !refusal; i++) {
          const step = cuts[i % cuts.length] as number;
          const verdict = limiter.accept(stream.subarray(at, at + step), 0);
          if (!verdict.ok) refusal = verdict.reason;
          at += step;
        }
        expect(refusal).toBe(whole.ok ? undefined : whole.reason);
        const tooLarge = bodies.some((bytes) => packet(3, bytes).length > LIMITS.packetBytesMax);
        expect(whole.ok).toBe(!tooLarge);
      }),
    );
  });
});
