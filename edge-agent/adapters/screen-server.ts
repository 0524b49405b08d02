/** The screen as a local page: plain HTML with the present view in it. It says nothing but what hangs on the pole anyway. */
import { readFileSync } from 'node:fs';
import { Type } from 'typebox';
import { FeedId } from '#contracts/ids.ts';
import { parserOf } from '#contracts/parse.ts';
import type { Press, Screen, ScreenView } from '../ports.ts';
import { renderPage } from '../screen/page.ts';
import { renderView, type ScreenMessage } from '../screen/render-view.ts';
import { openLocalPage } from './local-page.ts';

export interface ScreenServer extends Screen {
  readonly url: string;
  stop(): Promise<void>;
}

const PressSchema = Type.Union([
  Type.Object({
    press: Type.Union([
      Type.Literal('companion'),
      Type.Literal('bag'),
      Type.Literal('enough'),
      Type.Literal('language'),
      Type.Literal('close-shift'),
      Type.Literal('breakdown'),
      Type.Literal('leave'),
    ]),
  }),
  Type.Object({
    press: Type.Literal('open-shift'),
    routeId: FeedId,
    directionId: Type.Union([Type.Literal(0), Type.Literal(1)]),
  }),
]);
const parsePress = parserOf(PressSchema);

const fileOf = (name: string): string => readFileSync(new URL(`../screen/${name}`, import.meta.url), 'utf8');

/**
 * Opens the page on 127.0.0.1. Port 0 takes a free one. `debtPage`: address of the city's debt page, shown as a QR code.
 * @throws OperatorError PORT_IN_USE or SCREEN_UNUSABLE.
 */
export async function openScreenServer(
  port: number,
  onPress: (press: Press) => void = () => {},
  debtPage?: string,
): Promise<ScreenServer> {
  let message: ScreenMessage = renderView({ sign: 'waiting', language: 'uk', online: false, atMs: 0 });
  const page = await openLocalPage(
    port,
    {
      html: () => renderPage(message),
      script: fileOf('islands/screen.ts'),
      style: fileOf('style.css'),
      name: 'screen',
      act(command) {
        const press = parsePress(command);
        if (press.ok) onPress(press.value);
        return press.ok;
      },
    },
    message,
  );
  return {
    url: page.url,
    show(view: ScreenView) {
      message = renderView(view, debtPage);
      page.send(message);
    },
    stop: () => page.stop(),
  };
}
