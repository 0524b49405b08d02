/** Keeps the inspector's page in step with the device; runs in the browser, types are stripped when it is served. */
interface Words {
  title: string;
  text: string;
  lines: [string, string][];
  protocol: [string, string][];
  offline: string;
}
interface Message {
  sign: string;
  vehicleId: string;
  open: boolean;
  checkNo: number;
  words: Record<string, Words>;
}
interface Controls {
  pageTitle: string;
  vehicle: string;
  take: string;
  noCard: string;
  close: string;
  language: string;
  protocol: string;
  checkNo: string;
  refusedVehicle: string;
  refusedCommand: string;
  lost: string;
}

const part = <T extends HTMLElement = HTMLElement>(id: string): T => document.getElementById(id) as T;
const controls = JSON.parse(document.body.dataset['controls'] ?? '{}') as Record<string, Controls>;
const buttons = [...document.querySelectorAll<HTMLButtonElement>('[data-language]')];
let language = localStorage.getItem('language') ?? 'uk';
if (!(language in controls)) language = 'uk';
let shown: Message | undefined;
/** What the device refused last; null = nothing. */
let refused: 'refusedVehicle' | 'refusedCommand' | null = null;

function fill(list: HTMLElement, lines: [string, string][]): void {
  list.replaceChildren(
    ...lines.map(([label, value]) => {
      const row = document.createElement('div');
      const term = document.createElement('dt');
      const said = document.createElement('dd');
      term.textContent = label;
      said.textContent = value;
      row.append(term, said);
      return row;
    }),
  );
}

function label(): void {
  const words = controls[language] as Controls;
  document.documentElement.lang = language;
  document.title = words.pageTitle;
  part('vehicle-label').textContent = words.vehicle;
  part('take').textContent = words.take;
  part('no-card').textContent = words.noCard;
  part('close').textContent = words.close;
  part('protocol-title').textContent = words.protocol;
  part('refused').textContent = refused === null ? '' : words[refused];
  part('languages').setAttribute('aria-label', words.language);
  for (const button of buttons)
    button.setAttribute('aria-pressed', String(button.dataset['language'] === language));
}

function show(message: Message): void {
  const words = message.words[language] as Words;
  document.body.dataset['sign'] = message.sign;
  part('title').textContent = words.title;
  part('text').textContent = words.text;
  fill(part('lines'), words.lines);
  fill(part('protocol-lines'), words.protocol);
  part('protocol').hidden = words.protocol.length === 0;
  part('offline').textContent = words.offline;
  part('offline').hidden = words.offline === '';
  part('check').textContent = `${controls[language]?.checkNo} ${message.checkNo}`;
  part('check').hidden = message.checkNo === 0;
  part('vehicle-form').hidden = message.sign === 'closed';
  part('close').hidden = message.sign === 'closed';
  part('no-card').hidden = !message.open;
  const vehicle = part<HTMLInputElement>('vehicle');
  if (document.activeElement !== vehicle) vehicle.value = message.vehicleId;
}

function speak(code: string): void {
  language = code;
  localStorage.setItem('language', code);
  label();
  if (shown) show(shown);
}

function act(command: { do: 'vehicle'; vehicleId: string } | { do: 'no-card' | 'close' }): void {
  const headers = { 'content-type': 'application/json' };
  refuse(null);
  fetch('/act', { method: 'POST', headers, body: JSON.stringify(command) }).then(
    ({ ok }) => refuse(ok ? null : command.do === 'vehicle' ? 'refusedVehicle' : 'refusedCommand'),
    () => lose(),
  );
}

/** Says that the device did not do what was asked for, and why as far as the page knows. */
function refuse(what: typeof refused): void {
  refused = what;
  label();
  if (what === 'refusedVehicle') part<HTMLInputElement>('vehicle').focus();
}

/** A blink for each result, and a mark that changes its look, for those who want no motion. */
function beat(): void {
  document.body.dataset['beat'] = document.body.dataset['beat'] === 'a' ? 'b' : 'a';
}

/** A high note where the ride stands, two low ones where it does not; doubt is silent. */
const NOTES: Record<string, number[]> = { 'ride-stands': [1047], 'no-ride': [220, 220], refused: [220, 220] };
let audio: AudioContext | undefined;

function sound(sign: string): void {
  const notes = NOTES[sign];
  if (!notes) return;
  audio ??= new AudioContext();
  if (audio.state !== 'running') return;
  for (const [index, hertz] of notes.entries()) {
    const tone = audio.createOscillator();
    tone.frequency.value = hertz;
    tone.connect(audio.destination);
    tone.start(audio.currentTime + index * 0.2);
    tone.stop(audio.currentTime + index * 0.2 + 0.12);
  }
}

for (const button of buttons)
  button.addEventListener('click', () => speak(button.dataset['language'] ?? 'uk'));
part('no-card').addEventListener('click', () => act({ do: 'no-card' }));
part('close').addEventListener('click', () => act({ do: 'close' }));
part('vehicle-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const vehicle = part<HTMLInputElement>('vehicle');
  vehicle.blur();
  act({ do: 'vehicle', vehicleId: vehicle.value.trim() });
});
document.addEventListener('keydown', (event) => {
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.altKey || event.metaKey) return;
  const button = buttons[Number(event.key) - 1];
  if (button) speak(button.dataset['language'] ?? 'uk');
  else if (event.key === 'n' && shown?.open) act({ do: 'no-card' });
});

let lost: ReturnType<typeof setTimeout> | undefined;
const LOST_MS = 3000;

/** Without its device a page must not go on showing the last passenger's result. */
function lose(): void {
  lost ??= setTimeout(() => {
    document.body.dataset['sign'] = 'not-written';
    part('title').textContent = controls[language]?.lost ?? '';
    part('text').textContent = '';
    fill(part('lines'), []);
    part('protocol').hidden = true;
    part('check').hidden = true;
    shown = undefined;
  }, LOST_MS);
}

const events = new EventSource('/events');
events.addEventListener('message', (event: MessageEvent<string>) => {
  clearTimeout(lost);
  lost = undefined;
  const before = shown;
  shown = JSON.parse(event.data) as Message;
  show(shown);
  // The first message only repeats what stands there already, and a network that comes or goes is no result.
  if (before === undefined || shown.checkNo === 0 || shown.checkNo === before.checkNo) return;
  refuse(null);
  beat();
  sound(shown.sign);
});
events.addEventListener('error', lose);
label();
