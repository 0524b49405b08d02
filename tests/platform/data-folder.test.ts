import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { openDataFolder } from '#platform/data-folder.ts';
import type { OperatorError } from '#platform/errors.ts';
import { tempFolder } from '../support/temp-folder.ts';

const folder = tempFolder('data');
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});
afterAll(() => folder.remove());

async function holdInAnotherProcess(path: string): Promise<ChildProcess> {
  const program = join(import.meta.dirname, 'programs/hold-data-folder.ts');
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--expose-gc', program, path],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  children.push(child);
  await once(child.stdout as NodeJS.ReadableStream, 'data');
  return child;
}

function refusal(path: string): OperatorError {
  try {
    openDataFolder(path).release();
  } catch (error) {
    return error as OperatorError;
  }
  throw new Error('it was opened');
}

describe('a data folder', () => {
  test('is made, held by one, and free again after release', () => {
    const path = `${folder.path}/a/b`;
    const held = openDataFolder(path);
    expect(statSync(path).mode & 0o777).toBe(0o711);
    expect(refusal(path)).toMatchObject({ code: 'DATA_FOLDER_IN_USE' });
    expect(refusal(path).happened).toContain(`process ${process.pid}`);
    held.release();
    held.release();
    openDataFolder(path).release();
  });

  test('held by another process, it names that process', async () => {
    const path = `${folder.path}/other`;
    const child = await holdInAnotherProcess(path);
    expect(refusal(path).happened).toContain(`process ${child.pid}`);
    expect(refusal(path).todo).toContain(`kill ${child.pid}`);
  });

  test('is free at once after kill -9 of its holder', async () => {
    const path = `${folder.path}/killed`;
    const child = await holdInAnotherProcess(path);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    expect(existsSync(`${path}/in-use-by.json`)).toBe(true);
    openDataFolder(path).release();
  });

  test('is the same folder through a link', () => {
    mkdirSync(`${folder.path}/real`);
    symlinkSync(`${folder.path}/real`, `${folder.path}/link`);
    const held = openDataFolder(`${folder.path}/link`);
    expect(held.path).toBe(`${folder.path}/real`);
    expect(refusal(`${folder.path}/real`).code).toBe('DATA_FOLDER_IN_USE');
    held.release();
  });

  test('where a file stands it is refused with a way out', () => {
    writeFileSync(`${folder.path}/file`, 'mine');
    expect(refusal(`${folder.path}/file`)).toMatchObject({ code: 'DATA_FOLDER_UNUSABLE' });
    expect(refusal(`${folder.path}/file/below`)).toMatchObject({ code: 'DATA_FOLDER_UNUSABLE' });
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk is told as such', () => {
    mkdirSync(`${folder.path}/full`);
    symlinkSync('/dev/full', `${folder.path}/full/in-use-by.json`);
    expect(refusal(`${folder.path}/full`)).toMatchObject({ code: 'DATA_FOLDER_UNUSABLE' });
    expect(refusal(`${folder.path}/full`).todo).toContain('The disk is full');
  });
});
