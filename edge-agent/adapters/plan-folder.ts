/** Cards that an issuing station has begun, one small file each in its device folder: a power cut forgets none. */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { InstantMs, TokenId } from '#contracts/ids.ts';
import { decodeJson, parserOf } from '#contracts/parse.ts';
import { LANGUAGES } from '#contracts/reason-codes.ts';
import { CardKind, StaffId } from '#contracts/record.ts';
import { writeFileAtomic } from '#platform/atomic-file.ts';
import type { Plan, PlanStore } from '../issue/issuing-desk.ts';

/** Most cards that may lie about half made; a clerk with more has another problem. */
const PLANS_MAX = 1000;
const PLAN_BYTES_MAX = 4096;

const Seconds = { validFromMs: InstantMs, validUntilMs: InstantMs };
const PlanFile = Type.Object({
  v: Type.Literal(1),
  tokenId: TokenId,
  keyVersion: Type.Integer({ minimum: 0, maximum: 255 }),
  begunAtMs: InstantMs,
  uid: Type.String({ pattern: '^[0-9a-f]{14}$' }),
  identity: Type.String({ pattern: '^[0-9a-f]{256}$' }),
  order: Type.Object({
    staffId: StaffId,
    randomUid: Type.Boolean(),
    replacesTokenId: Type.Optional(TokenId),
    batch: Type.Optional(Type.Object({ name: Type.String(), line: Type.Integer({ minimum: 1 }) })),
    contents: Type.Object({
      kind: CardKind,
      ...Seconds,
      language: Type.Union(LANGUAGES.map((code) => Type.Literal(code))),
      product: Type.Optional(
        Type.Object({ productId: Type.String({ pattern: '^[0-9a-f]{16}$' }), validUntilMs: InstantMs }),
      ),
    }),
  }),
});
const parsePlan = parserOf(PlanFile);

/** Opens the memory in a folder, readable by its owner alone. A file that is none is an error: it is not passed over. */
export function openPlanFolder(deviceDir: string): PlanStore {
  const dir = join(deviceDir, 'begun-cards');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const pathOf = (tokenId: string): string => join(dir, `${tokenId}.json`);
  return {
    all: () =>
      readdirSync(dir)
        .filter((name) => name.endsWith('.json'))
        .map((name) => readPlan(join(dir, name)))
        .sort((a, b) => a.begunAtMs - b.begunAtMs),
    save(plan) {
      if (readdirSync(dir).length >= PLANS_MAX) throw new Error(`more than ${PLANS_MAX} cards are begun`);
      writeFileAtomic(pathOf(plan.tokenId), `${JSON.stringify({ v: 1, ...plan })}\n`);
    },
    remove: (tokenId) => {
      if (existsSync(pathOf(tokenId))) rmSync(pathOf(tokenId));
    },
  };
}

function readPlan(path: string): Plan {
  const json = decodeJson(readFileSync(path), PLAN_BYTES_MAX);
  const plan = json.ok ? parsePlan(json.value) : json;
  if (!plan.ok)
    throw new Error(`${path} is no begun card: ${plan.problems[0]?.path} ${plan.problems[0]?.message}`);
  const { v: _, ...rest } = plan.value;
  return rest as Plan;
}
