/** `kvytok doctor`: is this machine fit, what is missing, what does that cost, what to type. */
import { parseArgs } from 'node:util';
import { type CommandIo, EXIT } from '../command.ts';
import { examine, type Finding } from '../doctor/examine.ts';
import { type Machine, thisMachine } from '../doctor/machine.ts';

export const usage = `Usage: kvytok doctor [--json] [--data DIR]

Says what this machine has for Kvytok, what is missing, what that costs, and the line to type.
Exit code 0 when "kvytok city" can start.

  --data DIR   where the data would lie (.kvytok)
  --json       one JSON object instead of text

It measures the broker at KVYTOK_MQTT_URL too when KVYTOK_DOCTOR_CLIENT_ID and KVYTOK_DOCTOR_MQTT_SECRET_FILE name an
identity of role ingest that no running ingest uses: two clients of one name push each other off. It looks at the
database at KVYTOK_DOCTOR_POSTGRES_URL (role fare_runtime) where that is set: after a restore, before the roles start.
`;

export async function run(args: string[], io: CommandIo, machine?: Machine): Promise<number> {
  const { values } = parseArgs({
    args,
    options: { json: { type: 'boolean', default: false }, data: { type: 'string', default: '.kvytok' } },
  });
  const findings = await examine(machine ?? thisMachine(io.env), values.data);
  const fit = findings.every((finding) => finding.ok || !finding.needed);
  io.stdout.write(values.json ? `${JSON.stringify({ v: 1, fit, findings })}\n` : asText(findings, fit));
  return fit ? EXIT.ok : EXIT.failed;
}

function asText(findings: readonly Finding[], fit: boolean): string {
  const lines = findings.flatMap((finding) => {
    const sign = finding.ok ? '✓' : finding.needed ? '✗' : '–';
    const head = `  ${sign} ${finding.id.padEnd(10)} ${finding.found}`;
    if (finding.ok) return [head];
    return [head, `      costs: ${finding.costs ?? ''}`, `      type:  ${finding.todo ?? ''}`];
  });
  const lacks = findings.filter((finding) => !finding.ok).length;
  const rest = lacks === 0 ? 'Nothing is missing.' : 'What is marked – is missing but not needed for it.';
  const verdict = fit ? `Fit: kvytok city can start. ${rest}` : 'Not fit yet: mend what is marked ✗.';
  return `${lines.join('\n')}\n\n${verdict}\n`;
}
