import { createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import type { CardOrder } from '../../../simulators/cards/issue-card.ts';

/** One issuer for a test file. */
export const issuerKeys = generateKeyPairSync('ed25519');
export const issuer = { keyId: 'i001', privateKey: issuerKeys.privateKey };
export const tokenKey = createSecretKey(randomBytes(32)).export();

/** 2026-01-01 to 2031-01-01, UTC. */
export const VALID_FROM_S = 1_767_225_600;
export const VALID_UNTIL_S = 1_924_992_000;

/** A social card in order, but for what a test changes. */
export function order(changes: Partial<CardOrder> = {}): CardOrder {
  return {
    mediumKind: 'social',
    mediumId: Buffer.from('000102030405060708090a0b0c0d0e0f', 'hex'),
    validFromS: VALID_FROM_S,
    validUntilS: VALID_UNTIL_S,
    language: 'uk',
    issuer,
    ...changes,
  };
}
