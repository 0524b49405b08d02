import { execFileSync } from 'node:child_process';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { describe, expect, it } from 'vitest';

const COUNT_MODULES = `
  import { registerHooks } from 'node:module';
  let modules = 0;
  registerHooks({ load: (url, context, next) => { modules += 1; return next(url, context); } });
  await import('typebox'); await import('typebox/compile');
  console.log(modules);`;

describe('a library joined when it was installed', () => {
  it('is a few modules instead of hundreds', () => {
    const args = ['--input-type=module', '--eval', COUNT_MODULES];
    const modules = Number(
      execFileSync(process.execPath, args, { cwd: import.meta.dirname, encoding: 'utf8' }),
    );
    expect(modules).toBeGreaterThan(1);
    expect(modules).toBeLessThan(30);
  });

  it('checks what its types say, through either entry', () => {
    const check = Compile(Type.Object({ at: Type.String({ format: 'date-time' }), n: Type.Integer() }));
    expect(check.Check({ at: '2026-03-29T04:30:00Z', n: 1 })).toBe(true);
    expect(check.Check({ at: 'half past four', n: 1 })).toBe(false);
    expect(check.Check({ at: '2026-03-29T04:30:00Z', n: 1.5 })).toBe(false);
  });
});
