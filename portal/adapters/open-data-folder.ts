/**
 * The folder that `kvytok open-data` writes, as the portal serves it: what its index names, and nothing else. Each file is compared
 * with the index: one that was changed is not the version that it says it is.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { parserOf } from '#contracts/parse.ts';
import type { OpenData } from '../ports.ts';

const Index = Type.Object({
  v: Type.Literal(1),
  versions: Type.Array(
    Type.Object({
      version: Type.Integer({ minimum: 1 }),
      files: Type.Array(
        Type.Object({
          path: Type.String({
            maxLength: 300,
            pattern: '^v[1-9][0-9]{0,5}(/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,4}$',
          }),
          bytes: Type.Integer({ minimum: 0, maximum: 64 * 1024 * 1024 }),
          sha256: Type.String({ pattern: '^[0-9a-f]{64}$' }),
        }),
        { maxItems: 10_000 },
      ),
    }),
    { maxItems: 10_000 },
  ),
});
type NamedFile = Static<typeof Index>['versions'][number]['files'][number];

const parseIndex = parserOf(Index);

/** Without a folder nothing is published. */
export function createOpenData(dir: string | undefined): OpenData {
  const readIndex = async (): Promise<{ text: string; files: Map<string, NamedFile> } | undefined> => {
    if (dir === undefined) return undefined;
    const text = await readFile(join(dir, 'index.json'), 'utf8').catch(() => undefined);
    if (text === undefined) return undefined;
    const parsed = parseIndex(JSON.parse(text));
    if (!parsed.ok) throw new Error('index.json of the open data is not what kvytok open-data writes');
    const files = parsed.value.versions.flatMap((version) => version.files);
    return { text, files: new Map(files.map((file) => [file.path, file])) };
  };
  return {
    index: async () => (await readIndex())?.text,
    async file(path) {
      const named = (await readIndex())?.files.get(path);
      if (named === undefined || dir === undefined) return undefined;
      const bytes = await readFile(join(dir, named.path));
      if (createHash('sha256').update(bytes).digest('hex') !== named.sha256)
        throw new Error(`${named.path} of the open data is not what its index says`);
      return { bytes, sha256: named.sha256 };
    },
  };
}
