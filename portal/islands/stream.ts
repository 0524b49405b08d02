/** The event stream as htmx holds it: named events come as DOM events on its element. */

/** Calls back with the data of a named event. */
export function onStream<T>(name: string, listener: (data: T) => void): void {
  const element = document.getElementById('stream');
  element?.addEventListener(name, (event) => {
    const { data } = (event as CustomEvent<{ data?: string }>).detail ?? {};
    if (data !== undefined) listener(JSON.parse(data) as T);
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
  document.addEventListener('htmx:sse:error', () => show(false));
}
