/** Where packages lie: a folder of one, a city's folder, a folder of packages. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A city keeps its packages in `tariff`. A folder of packages may hold one that is called so, or a file: then they lie beside it. */
export async function packagesOf(dir: string): Promise<string> {
  const own = join(dir, 'tariff');
  const isFolder = await stat(own).then(
    (found) => found.isDirectory(),
    () => false,
  );
  return isFolder && !(await exists(join(own, 'tariff.yaml'))) ? own : dir;
}

/** Whether there is a file or folder of this name. */
export async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
