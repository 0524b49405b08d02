/**
 * A tap's explanation in place: a dialog over the city with an address of its own. Back closes it, Escape closes it,
 * and the keyboard returns to the row it came from. Without this island the link is an ordinary page.
 */

/** Makes every `a[data-explain]` open the sheet. */
export function startSheet(): void {
  const sheet = document.getElementById('sheet') as HTMLDialogElement | null;
  if (!sheet || typeof sheet.showModal !== 'function') return;
  let asked = 0;
  let shown = '';

  document.addEventListener('click', (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>('a[data-explain]');
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.button === 0;
    const path = link?.getAttribute('href');
    if (!path || !plain) return;
    event.preventDefault();
    history.pushState({ sheet: true }, '', path);
    void open(path);
  });
  sheet.addEventListener('click', (event) => {
    const outside = event.target === sheet;
    if (outside || (event.target as Element).closest('[data-close]')) sheet.close();
  });
  // Every way of closing ends here: Escape, the button, a click beside it, the browser's back.
  sheet.addEventListener('close', () => {
    asked += 1;
    if (isTapPath(location.pathname)) history.back();
    else returnFocus(shown);
  });
  addEventListener('popstate', () => {
    if (isTapPath(location.pathname)) void open(location.pathname);
    else if (sheet.open) sheet.close();
    // Going back to an address with a fragment moves the focus there, after this event.
    else if (shown !== '') setTimeout(returnFocus, 0, shown);
  });

  async function open(path: string): Promise<void> {
    if (!sheet) return;
    asked += 1;
    const mine = asked;
    shown = path;
    fill(sheet, message(sheet.dataset['loading'] ?? '…'));
    if (!sheet.open) sheet.showModal();
    const content = await load(path, sheet);
    // A slower answer to an earlier question must not replace a later one.
    if (mine !== asked || !sheet.open) return;
    fill(sheet, content);
    sheet.querySelector<HTMLElement>('.answer')?.focus();
  }
}

/** To the row that was opened; it may have been drawn anew meanwhile, so it is found by its address. */
function returnFocus(path: string): void {
  const row = document.querySelector<HTMLElement>(`a[data-explain][href="${CSS.escape(path)}"]`);
  (row ?? document.querySelector<HTMLElement>('a[data-explain]'))?.focus();
}

function isTapPath(path: string): boolean {
  return path.startsWith('/taps/');
}

async function load(path: string, dialog: HTMLDialogElement): Promise<Node> {
  try {
    const answer = await fetch(`${path}?fragment=1&lang=${document.documentElement.lang}`, {
      headers: { accept: 'text/html' },
    });
    // The server escapes; problems of 404 come as readable fragments too.
    return document.createRange().createContextualFragment(await answer.text());
  } catch {
    return message(dialog.dataset['failed'] ?? '');
  }
}

function fill(dialog: HTMLDialogElement, content: Node): void {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'sheet-close';
  button.dataset['close'] = '';
  button.setAttribute('aria-label', dialog.dataset['close'] ?? '');
  button.textContent = '×';
  const frame = document.createElement('div');
  frame.className = 'sheet-frame';
  frame.append(button, content);
  dialog.replaceChildren(frame);
}

function message(text: string): HTMLElement {
  const heading = document.createElement('h2');
  heading.id = 'sheet-title';
  heading.className = 'answer';
  heading.tabIndex = -1;
  heading.textContent = text;
  return heading;
}
