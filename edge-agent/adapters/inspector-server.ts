/** The inspector's page, and its three commands. */
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { Type } from 'typebox';
import { FeedId } from '#contracts/ids.ts';
import { parserOf } from '#contracts/parse.ts';
import { renderInspectorPage } from '../inspect/page.ts';
import { isResult, renderInspection } from '../inspect/render.ts';
import type { InspectorScreen, InspectorView } from '../inspect/view.ts';
import { openLocalPage } from './local-page.ts';

const Command = Type.Union([
  Type.Object({ do: Type.Literal('vehicle'), vehicleId: FeedId }),
  Type.Object({ do: Type.Literal('no-card') }),
  Type.Object({ do: Type.Literal('close') }),
]);
const parseCommand = parserOf(Command);

/** What the page asks for. */
export interface InspectorActs {
  chooseVehicle(vehicleId: string): void;
  /** The passenger has nothing to show. */
  checkWithoutCard(): void;
  closeShift(): void;
}

export interface InspectorServer extends InspectorScreen {
  readonly url: string;
  /** Whoever does what the page asks for; before that nothing is done. */
  obey(acts: InspectorActs): void;
  stop(): Promise<void>;
}

const fileOf = (name: string): string => readFileSync(new URL(`../inspect/${name}`, import.meta.url), 'utf8');

/**
 * Opens the page on 127.0.0.1. Port 0 takes a free one. Times are shown in the city's zone.
 * @throws OperatorError PORT_IN_USE or SCREEN_UNUSABLE.
 */
export async function openInspectorServer(port: number, zone: string): Promise<InspectorServer> {
  let message = renderInspection({ sign: 'closed', online: false, atMs: 0 }, zone);
  let acts: InspectorActs | undefined;
  let checks = 0;
  let shown: InspectorView | undefined;
  const page = await openLocalPage(
    port,
    {
      html: () => renderInspectorPage(message),
      script: fileOf('islands/inspect.ts'),
      style: fileOf('style.css'),
      name: 'inspect',
      act: (said) => acts !== undefined && carryOut(said, acts),
    },
    message,
  );
  return {
    url: page.url,
    obey(who) {
      acts = who;
    },
    show(view: InspectorView) {
      // The same answer sent anew, because the network came or went, is no new one.
      const { online: _, ...said } = view;
      const { online: __, ...before } = shown ?? view;
      if (isResult(view) && (shown === undefined || !isDeepStrictEqual(said, before))) checks++;
      shown = view;
      message = renderInspection(view, zone, isResult(view) ? checks : 0);
      page.send(message);
    },
    stop: () => page.stop(),
  };
}

function carryOut(said: unknown, acts: InspectorActs): boolean {
  const command = parseCommand(said);
  if (!command.ok) return false;
  if (command.value.do === 'vehicle') acts.chooseVehicle(command.value.vehicleId);
  else if (command.value.do === 'no-card') acts.checkWithoutCard();
  else acts.closeShift();
  return true;
}
