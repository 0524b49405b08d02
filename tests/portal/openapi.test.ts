import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { openApiDocument } from '../../portal/openapi.ts';

const FILE = 'docs/openapi.yaml';

describe('docs/openapi.yaml', () => {
  it('says what the portal serves (if not, put the text below into it)', () => {
    const document = openApiDocument();
    expect(parse(readFileSync(FILE, 'utf8')), stringify(document)).toEqual(document);
  });

  it('names only schemas that are there', () => {
    const document = openApiDocument() as { components: { schemas: Record<string, unknown> } };
    const named = [...JSON.stringify(document).matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(
      ([, name]) => name,
    );
    expect(named.length).toBeGreaterThan(5);
    for (const name of named) expect(document.components.schemas).toHaveProperty(name as string);
  });
});
