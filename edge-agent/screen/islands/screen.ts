/** Keeps the panel's page in step with the agent; runs in the browser, types are stripped when it is served. */
interface ScreenKey {
  label: string;
  act: object;
  look: 'main' | 'plain' | 'grave';
  hotkey?: string;
  icon?: string;
  sure?: string;
}

interface ScreenMessage {
  sign: string;
  sound: string;
  language: string;
  title: string;
  text: string;
  marks: string[];
  lines: string[];
  qr: { size: number; path: string } | null;
  keys: ScreenKey[];
  notices: string[];
  nextLanguage: { code: string; name: string };
  card: string;
  shownAtMs: number;
  offline: string;
  pageTitle: string;
}

const part = (id: string): HTMLElement => document.getElementById(id) as HTMLElement;

function show(message: ScreenMessage): void {
  document.documentElement.lang = message.language;
  document.title = message.pageTitle;
  document.body.dataset['sign'] = message.sign;
  part('title').textContent = message.title;
  part('text').textContent = message.text;
  part('offline-text').textContent = message.offline;
  part('offline').hidden = message.offline === '';
  const language = part('language');
  language.textContent = message.nextLanguage.name;
  language.lang = message.nextLanguage.code;
  part('marks').replaceChildren(...message.marks.map(markOf));
  part('marks').hidden = message.marks.length === 0;
  list('lines', message.lines);
  showQr(message.qr);
  part('card').textContent = message.card;
  part('card').hidden = message.card === '';
  list('notices', message.notices);
  showKeys(message.keys);
}

/** A picture for cameras alone: what it says stands among the lines. */
function showQr(qr: ScreenMessage['qr']): void {
  const picture = part('qr');
  picture.toggleAttribute('hidden', qr === null);
  picture.setAttribute('viewBox', `0 0 ${qr?.size ?? 1} ${qr?.size ?? 1}`);
  picture.firstElementChild?.setAttribute('d', qr?.path ?? '');
}

/** A shape of the page's own. */
function markOf(name: string): Node {
  return (part(`mark-${name}`) as HTMLTemplateElement).content.cloneNode(true);
}

function list(id: string, texts: string[]): void {
  const items = texts.map((text) => {
    const item = document.createElement('li');
    item.textContent = text;
    return item;
  });
  part(id).replaceChildren(...items);
  part(id).hidden = texts.length === 0;
}

let keysText = '[]';

/** Keys that stand there already stay: whoever has one under the finger, or the focus on it, keeps it. */
function showKeys(keys: ScreenKey[]): void {
  const text = JSON.stringify(keys);
  if (text === keysText) return;
  keysText = text;
  const box = part('keys');
  box.replaceChildren(...keys.map(keyOf));
  box.hidden = keys.length === 0;
  document.body.dataset['many'] = String(keys.length > 2);
  (box.firstElementChild as HTMLElement | null)?.focus();
}

function keyOf({ label, act, look, hotkey, icon, sure }: ScreenKey): HTMLButtonElement {
  const key = document.createElement('button');
  key.type = 'button';
  key.className = `key ${look}`;
  key.textContent = label;
  if (icon !== undefined) key.prepend(markOf(icon));
  if (hotkey !== undefined) key.dataset['hotkey'] = hotkey;
  let asked = sure === undefined;
  key.addEventListener('click', () => {
    if (asked) press(act);
    else key.textContent = sure ?? label;
    asked = true;
  });
  return key;
}

function press(act: object): void {
  wake();
  void fetch('/act', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(act),
  }).catch(() => {}); // the agent is gone: the page says so by itself
}

part('language').addEventListener('click', () => press({ press: 'language' }));

/** Without looking: Enter or + for the first key, * for a bag, Escape or - for no, L for the language. */
document.addEventListener('keydown', (event) => {
  const wanted = event.key === 'Escape' ? '-' : event.key;
  const keys = [...part('keys').querySelectorAll('button')];
  const key = keys.find(({ dataset }) => dataset['hotkey'] === wanted);
  if (key !== undefined) key.click();
  else if (event.key === 'l' || event.key === 'L' || event.key === 'F2') part('language').click();
});

/** Hertz of each sign: green rises, a companion's stays up and a bag's comes down, red falls, a card to hold again knocks twice, a question swings. */
const NOTES: Readonly<Record<string, readonly number[]>> = {
  accepted: [880, 1319],
  refused: [330, 220, 165],
  again: [440, 440],
  asking: [660, 880, 660],
  companion: [880, 1319, 1319],
  bag: [880, 1319, 880],
  staff: [523],
  'out-of-order': [147, 147, 147],
};
const NOTE_S = 0.14;
let audio: AudioContext | undefined;

/** Browsers that want a gesture first stay silent until there was one. */
function wake(): void {
  audio ??= new AudioContext();
  if (audio.state === 'suspended') void audio.resume();
}

function sound(name: string): void {
  const notes = NOTES[name];
  if (!notes) return;
  audio ??= new AudioContext();
  document.body.dataset['sounded'] = name;
  if (audio.state !== 'running') return;
  for (const [index, hertz] of notes.entries()) {
    const at = audio.currentTime + index * NOTE_S * 1.3;
    const tone = audio.createOscillator();
    const level = audio.createGain();
    tone.frequency.value = hertz;
    tone.connect(level).connect(audio.destination);
    level.gain.setValueAtTime(0.6, at);
    level.gain.linearRampToValueAtTime(0, at + NOTE_S);
    tone.start(at);
    tone.stop(at + NOTE_S);
  }
}

/** A blink once for each answer, and a mark that changes its look, for those who want no motion. */
function beat(): void {
  document.body.dataset['beat'] = document.body.dataset['beat'] === 'a' ? 'b' : 'a';
}

let first = true;
let lastSound = '';
let lost: number | undefined;
/** Milliseconds without the agent until the panel says so: a restart of the agent is shorter than a queue. */
const LOST_MS = 3000;

const events = new EventSource('/events');
events.addEventListener('message', (event: MessageEvent<string>) => {
  clearTimeout(lost);
  lost = undefined;
  const message = JSON.parse(event.data) as ScreenMessage;
  show(message);
  // The first message only repeats what stands there already; a change of the language is no answer.
  const answer = `${message.sound} ${message.shownAtMs} ${message.card.replace(/\D/g, '')}`;
  if (!first && answer !== lastSound) {
    sound(message.sound);
    if (message.card !== '') beat();
  }
  lastSound = answer;
  first = false;
});

/** Without its agent a panel must not go on inviting cards, or show the last rider's green. */
events.addEventListener('error', () => {
  lost ??= setTimeout(() => {
    const { lostTitle, lostText } = document.body.dataset;
    document.body.dataset['sign'] = 'out-of-order';
    part('title').textContent = lostTitle ?? '';
    part('text').textContent = lostText ?? '';
    list('lines', []);
    showQr(null);
    part('marks').hidden = true;
    part('card').hidden = true;
    showKeys([]);
    first = true;
  }, LOST_MS);
});
