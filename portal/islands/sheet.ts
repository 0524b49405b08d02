/**
 * A tap's explanation in place: a dialog over the city with an address of its own. Back closes it, Escape closes it,
 * and the keyboard returns to the row it came from. Without this island the link is an ordinary page.
 */

/** Makes every `a[data-explain]` open the sheet. */
export function startSheet(): void {
  const sheet = document.getElementById('sheet') as HTMLDialogElement | null;
  if (!sheet || typeof sheet.showModal !== 'function') return;
  let cameFrom: HTMLElement | null = null;
  let asked = 0;

  document.addEventListener('click', (event) => {
    const link = (event.target as Element).closest<HTMLAnchorElement>('a[data-explain]');
    const plain = !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) && event.button === 0;
    if (!link || !plain) return;
    event.preventDefault();
    cameFrom = link;
    history.pushState({ sheet: true }, '', link.getAttribute('href'));
    void open(sheet, link.getAttribute('href') ?? '/');
  });
  sheet.addEventListener('cancel', (event) => {
    event.preventDefault();
    history.back();
  });
  sheet.addEventListener('click', (event) => {
    const outside = event.target === sheet;
    if (outside || (event.target as Element).closest('[data-close]')) history.back();
  });
  addEventListener('popstate', () => {
    if (location.pathname.startsWith('/taps/')) void open(sheet, location.pathname);
    else if (sheet.open) close(sheet);
  });

  async function open(dialog: HTMLDialogElement, path: string): Promise<void> {
    const mine = ++asked;
    fill(dialog, message(dialog.dataset['loading'] ?? '…'));
    if (!dialog.open) dialog.showModal();
    const content = await load(path, dialog);
    // A slower answer to an earlier question must not replace a later one.
    if (mine !== asked || !dialog.open) return;
    fill(dialog, content);
    dialog.querySelector<HTMLElement>('.answer')?.focus();
  }

  function close(dialog: HTMLDialogElement): void {
    asked += 1;
    dialog.close();
    const row = cameFrom?.isConnected ? cameFrom : document.querySelector<HTMLElement>('a[data-explain]');
    row?.focus();
    cameFrom = null;
  }
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
