/** Takes a data folder, says so, and waits to be killed. */
import { openDataFolder } from '#platform/data-folder.ts';

openDataFolder(process.argv[2] as string);
process.stdout.write('held\n');
setInterval(() => {}, 60_000);
