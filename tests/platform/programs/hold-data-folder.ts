/** Takes a data folder, says so, and waits to be killed. */
import { openDataFolder } from '#platform/data-folder.ts';

openDataFolder(process.argv[2] as string);
// Whoever forgets the folder still has it: collected garbage must not free the lock.
(globalThis as { gc?: () => void }).gc?.();
process.stdout.write('held\n');
setInterval(() => {}, 60_000);
