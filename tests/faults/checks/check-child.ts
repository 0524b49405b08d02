/** Runs the checks named by its arguments, one after the other; prints what each found as a line of JSON. */
import { CHECKS } from './checks.ts';

for (const name of process.argv.slice(2)) {
  const check = CHECKS[name];
  if (check === undefined) throw new Error(`there is no check ${name}`);
  const problems = await check().catch((error: Error) => [`it failed: ${error.message}`]);
  process.stdout.write(`${JSON.stringify({ check: name, problems })}\n`);
}
process.exit(0);
