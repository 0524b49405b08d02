/**
 * New rows of the live list. They come on top while nobody points at the list or stands in it with the keyboard; else
 * they wait, so that no row moves away from under a finger, and a button says how many wait.
 */

/** Starts it, where the page has the list. */
export function startLiveTaps(): void {
  const list = document.getElementById('taps');
  const fresh = document.getElementById('fresh-taps');
  const button = document.getElementById('taps-new');
  const region = list?.parentElement;
  if (!list || !fresh || !button || !region) return;
  const rowsMax = Number(list.dataset['rows'] ?? 30);
  let pointed = false;
  let waiting = 0;

  const isHeld = (): boolean => pointed || region.contains(document.activeElement);

  const release = (): void => {
    list.prepend(...fresh.children);
    waiting = 0;
    button.hidden = true;
    trim(list, rowsMax);
  };

  const sayWaiting = (): void => {
    button.textContent = (button.dataset['label'] ?? '#').replace('#', String(waiting));
    button.hidden = waiting === 0;
  };

  new MutationObserver((changes) => {
    const added = changes.reduce((sum, change) => sum + elements(change.addedNodes), 0);
    if (added === 0) return;
    waiting += added;
    trim(fresh, rowsMax);
    if (isHeld()) sayWaiting();
    else release();
  }).observe(fresh, { childList: true });
  // The whole picture after a reconnection has the waiting rows in it.
  new MutationObserver(() => {
    if (list.querySelector('.tap')) document.getElementById('no-taps')?.remove();
    for (const row of [...fresh.children]) if (document.getElementById(row.id) !== row) row.remove();
  }).observe(list, { childList: true });

  region.addEventListener('pointerenter', (event) => {
    // A finger leaves no pointer behind: only what hovers can aim.
    pointed = event.pointerType === 'mouse';
  });
  const leave = (): void => {
    if (!isHeld()) release();
  };
  region.addEventListener('pointerleave', () => {
    pointed = false;
    // On the way to the button the rows still wait.
    if (!button.matches(':hover')) leave();
  });
  button.addEventListener('pointerleave', leave);
  region.addEventListener('focusout', () => setTimeout(leave));
  button.addEventListener('click', (event) => {
    release();
    region.scrollTop = 0;
    // Pressed with the keyboard: the button is gone, so the newest row takes the focus.
    if (event.detail === 0) list.querySelector<HTMLElement>('.tap-link')?.focus();
  });
}

function elements(nodes: NodeList): number {
  return [...nodes].filter((node) => node instanceof HTMLElement).length;
}

/** The oldest leave at the bottom, so that the page does not grow. */
function trim(list: HTMLElement, rowsMax: number): void {
  while (list.children.length > rowsMax) {
    const last = list.lastElementChild;
    // A row that somebody stands on with the keyboard stays until they leave it.
    if (!last || last.contains(document.activeElement)) break;
    last.remove();
  }
}
