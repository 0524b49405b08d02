/** The event stream as htmx holds it: named events come as DOM events on its element. */

/** Calls back with the data of a named event. */
export function onStream<T>(name: string, listener: (data: T) => void): void {
  const element = document.getElementById('stream');
  element?.addEventListener(name, (event) => {
    const { data } = (event as CustomEvent<{ data?: string }>).detail ?? {};
    if (data !== undefined) listener(JSON.parse(data) as T);
  });
}

/** First pause before the first connection is tried again, and the longest one; each is twice the one before. */
const RETRY_MS = 1000;
const RETRY_MS_MAX = 60_000;

/**
 * Calls back whenever a request of the stream has ended before there was ever a connection: no answer, an error, and an answer
 * that is no stream, as the page of a hotel's network or of a server that is only half up.
 */
function onNoConnection(callback: () => void): void {
  const element = document.getElementById('stream');
  let connected = false;
  element?.addEventListener('htmx:sse:after:connection', () => {
    connected = true;
  });
  element?.addEventListener('htmx:finally:request', () => {
    if (!connected) callback();
  });
}

/**
 * htmx tries again what it has lost, but not what it never had: the first connection is repeated here.
 *
 * @param chance from 0 to below 1; spreads the pauses of many pages
 */
export function keepConnecting(chance: () => number): void {
  const element = document.getElementById('stream');
  let pauseMs = RETRY_MS;
  onNoConnection(() => {
    // Not all at once: whom a restart of the portal has met come back one by one.
    setTimeout(() => element?.dispatchEvent(new Event('kvytok:connect')), pauseMs * (0.7 + 0.6 * chance()));
    pauseMs = Math.min(RETRY_MS_MAX, 2 * pauseMs);
  });
}

/** Keeps the sign in the header honest: live, or trying again. */
export function showConnection(): void {
  const sign = document.getElementById('live');
  const text = document.getElementById('live-text');
  if (!sign || !text) return;
  const show = (on: boolean): void => {
    const words = (on ? sign.dataset['on'] : sign.dataset['off']) ?? '';
    sign.classList.toggle('live-off', !on);
    // Screen readers speak on every change of the text, so an unchanged one is left alone.
    if (text.textContent !== words) text.textContent = words;
  };
  document.addEventListener('htmx:sse:after:connection', () => show(true));
  document.addEventListener('htmx:sse:after:message', () => show(true));
  for (const lost of ['htmx:sse:error', 'htmx:error', 'htmx:response:error'])
    document.addEventListener(lost, () => show(false));
  onNoConnection(() => show(false));
}
