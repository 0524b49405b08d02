/** Runs a command like a function: text in, text out. */
import { PassThrough, Readable } from 'node:stream';
import type { CommandIo, CommandModule } from '../../cli/command.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command module with its standard input given as text (or as chunks). */
export async function runCommand(
  command: Pick<CommandModule, 'run'>,
  args: string[],
  stdin: string | Iterable<string | Buffer> = '',
  cwd = process.cwd(),
  env: Readonly<Record<string, string>> = {},
): Promise<CommandResult> {
  const [stdout, stderr] = [new PassThrough(), new PassThrough()];
  const [out, err] = [collect(stdout), collect(stderr)];
  const io: CommandIo = {
    stdin: Readable.from(typeof stdin === 'string' ? [Buffer.from(stdin)] : stdin),
    stdout,
    stderr,
    env,
    cwd,
  };
  const code = await command.run(args, io);
  stdout.end();
  stderr.end();
  return { code, stdout: await out, stderr: await err };
}

async function collect(stream: PassThrough): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
