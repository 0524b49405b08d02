/** `kvytok edge --inspector`: an inspector's device, its answers as calm lines for people or JSON for programs. */
import { styleText } from 'node:util';
import { LANGUAGES, type Language } from '#contracts/reason-codes.ts';
import type { EdgeConfig } from '../../edge-agent/config.ts';
import { startInspector } from '../../edge-agent/inspect/main.ts';
import { type InspectorMessage, renderInspection } from '../../edge-agent/inspect/render.ts';
import type { InspectorSign, InspectorView } from '../../edge-agent/inspect/view.ts';
import { type CommandIo, UsageError } from '../command.ts';
import type { EdgeRun } from './edge-run.ts';

/** Options of this role. */
export interface InspectorValues {
  readonly staff?: string;
  readonly vehicle?: string;
  readonly route?: string;
  readonly lang?: string;
  readonly events: boolean;
}

/** A mark for each sign, so that none is told by its colour alone. */
const MARKS: Readonly<Partial<Record<InspectorSign, readonly ['green' | 'red' | 'yellow', string]>>> = {
  'ride-stands': ['green', '✓'],
  'no-ride': ['red', '✗'],
  refused: ['red', '⊘'],
  'validator-out-of-order': ['yellow', '⚠'],
  unclear: ['yellow', '⚠'],
};

/** Starts it; the caller waits and stops. */
export async function runInspector(
  config: EdgeConfig,
  values: InspectorValues,
  { io, clock, log, lifecycle }: EdgeRun,
): Promise<void> {
  const { staff, vehicle, route } = values;
  const language = languageOf(values.lang);
  if (staff !== undefined && !/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(staff))
    throw new UsageError('--staff takes a personnel number of letters, digits, . _ -: never a name');
  const role = lifecycle.add(
    await startInspector(
      {
        ...config,
        ...(staff !== undefined && { staffId: staff }),
        ...(vehicle !== undefined && { vehicleId: vehicle }),
        ...(route !== undefined && { routeId: route }),
      },
      { clock, log },
    ),
  );
  const forPeople = (io.stdout as { isTTY?: boolean }).isTTY === true && !values.events;
  const say = (line: string) => void io.stdout.write(`${line}\n`);
  const { deviceId, screenUrl } = role;
  if (forPeople)
    say(`Inspector's device ${deviceId} is ready.${screenUrl === null ? '' : ` Page: ${screenUrl}`}`);
  else say(JSON.stringify({ event: 'ready', deviceId, screenUrl }));
  role.inspector.onCheck((view, recordId) => {
    if (forPeople) printCheck(view, language, role.zone, io);
    else say(JSON.stringify({ event: 'check', recordId, ...view }));
  });
}

/** One line for a result, and the paper where one is prepared. */
function printCheck(view: InspectorView, language: Language, zone: string, io: CommandIo): void {
  const words = (renderInspection(view, zone) satisfies InspectorMessage).words[language];
  const [colour, mark] = MARKS[view.sign] ?? ['yellow', '·'];
  const more = [words.text, ...words.lines.map((line) => line.join(' '))].filter((part) => part !== '');
  io.stdout.write(`${styleText(colour, `${mark} ${words.title}`)}  ${more.join(' · ')}\n`);
  for (const [label, value] of words.protocol) io.stdout.write(`    ${label}: ${value}\n`);
}

function languageOf(text: string | undefined): Language {
  if (text === undefined) return 'uk';
  if ((LANGUAGES as readonly string[]).includes(text)) return text as Language;
  throw new UsageError(`--lang takes ${LANGUAGES.join(', ')}`);
}
