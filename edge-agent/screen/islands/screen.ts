/** Keeps the panel's page in step with the agent; runs in the browser, types are stripped when it is served. */
interface ScreenMessage {
  sign: 'waiting' | 'accepted' | 'refused' | 'out-of-order';
  language: string;
  title: string;
  text: string;
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
}

/** A high note for green, two low ones for red. Browsers that want a gesture first stay silent. */
const NOTES: Partial<Record<ScreenMessage['sign'], number[]>> = { accepted: [1047], refused: [220, 220] };
let audio: AudioContext | undefined;

function sound(sign: ScreenMessage['sign']): void {
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

let first = true;
let lost: number | undefined;
/** Milliseconds without the agent until the panel says so: a restart of the agent is shorter than a queue. */
const LOST_MS = 3000;

const events = new EventSource('/events');
events.addEventListener('message', (event: MessageEvent<string>) => {
  clearTimeout(lost);
  lost = undefined;
  const message = JSON.parse(event.data) as ScreenMessage;
  show(message);
  // The first message only repeats what stands there already.
  if (!first) sound(message.sign);
  first = false;
});

/** Without its agent a panel must not go on inviting cards, or show the last rider's green. */
events.addEventListener('error', () => {
  lost ??= setTimeout(() => {
    const { lostTitle, lostText } = document.body.dataset;
    document.body.dataset['sign'] = 'out-of-order';
    part('title').textContent = lostTitle ?? '';
    part('text').textContent = lostText ?? '';
    first = true;
  }, LOST_MS);
});
