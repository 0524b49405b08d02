/**
 * Entry of the `kvytok` command under Node 24: finds the subcommand, loads only that, reports errors to people.
 */
import { pathToFileURL } from 'node:url';
import { nearest } from '#platform/config.ts';
import { describeError, OperatorError } from '#platform/errors.ts';
import { type CommandEntry, type CommandIo, EXIT, UsageError } from './command.ts';
import { COMMANDS } from './commands.ts';
import { databaseRefusal } from './database-errors.ts';

/** Runs one call of the command; resolves with the exit code and never throws. */
export async function main(
  argv: readonly string[],
  io: CommandIo,
  commands: readonly CommandEntry[] = COMMANDS,
): Promise<number> {
  const [name, ...args] = argv;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    io.stdout.write(helpText(commands));
    return name === undefined ? EXIT.usage : EXIT.ok;
  }
  const entry = commands.find((command) => command.name === name);
  if (entry === undefined) {
    const near = nearest(
      name,
      commands.map((command) => command.name),
    );
    io.stderr.write(
      `kvytok: there is no command "${printable(name)}".${near === undefined ? '' : ` Did you mean "${near}"?`} See: kvytok --help\n`,
    );
    return EXIT.usage;
  }
  return runEntry(entry, args, io);
}

async function runEntry(entry: CommandEntry, args: string[], io: CommandIo): Promise<number> {
  let usage = '';
  try {
    const module = await entry.load();
    usage = module.usage;
    const helpAt = args.findIndex((arg) => arg === '--help' || arg === '-h');
    const endAt = args.indexOf('--');
    if (helpAt >= 0 && (endAt < 0 || helpAt < endAt)) {
      io.stdout.write(`${usage.trimEnd()}\n`);
      return EXIT.ok;
    }
    return await module.run(args, io);
  } catch (error) {
    if (isUsageError(error)) {
      io.stderr.write(`kvytok ${entry.name}: ${(error as Error).message}\n\n${usage.trimEnd()}\n`);
      return EXIT.usage;
    }
    const said = databaseRefusal(error) ?? error;
    io.stderr.write(`${describeError(said)}\n`);
    return said instanceof OperatorError ? EXIT.failed : 70; // sysexits.h EX_SOFTWARE: a bug of ours
  }
}

/** Ours, or one that node:util parseArgs throws for a wrong option. */
function isUsageError(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return error instanceof UsageError || (typeof code === 'string' && code.startsWith('ERR_PARSE_ARGS_'));
}

function helpText(commands: readonly CommandEntry[]): string {
  const lines = commands.map(({ name, summary }) => `  kvytok ${name.padEnd(12)} ${summary}`);
  return `Kvytok: a city's e-ticket and its devices.

${lines.join('\n')}

Each command explains itself: kvytok COMMAND --help
`;
}

/** When bin/kvytok.mjs is gone, even by kill -9, nobody could stop us any more: we stop as for a polite kill. */
function endWithStarter(): void {
  if (process.channel === undefined) return;
  process.on('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  process.channel?.unref(); // It alone keeps no command alive.
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e\u0400-\u04ff]/g, '?').slice(0, 60);
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const io: CommandIo = {
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    env: process.env,
    cwd: process.cwd(),
  };
  // A reader that goes away (kvytok … | head) is no error.
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    throw error;
  });
  endWithStarter();
  process.exitCode = await main(process.argv.slice(2), io);
}
