/**
 * Signs for the map, drawn on a canvas when the map asks for one: no fonts and no sprites are fetched from anywhere.
 * The image's name says what to draw: `vehicle|5|online|#c62828`, `end|5|#c62828`, `name|Центр`, `heading|#c62828`.
 */
import type { Map as MapLibre } from 'maplibre-gl';

const SCALE = 2;
const FONT = 'system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif';

export interface MapColours {
  readonly ink: string;
  readonly paper: string;
  readonly halo: string;
  readonly alarm: string;
  readonly quiet: string;
}

/** Draws the image of a name and gives it to the map. */
export function addImage(map: MapLibre, name: string, colours: MapColours): void {
  if (map.hasImage(name)) return;
  const [kind, ...parts] = name.split('|') as [string, ...string[]];
  const drawn =
    kind === 'vehicle'
      ? vehicle(parts[0] ?? '', parts[1] ?? 'online', parts[2] ?? '#666666', colours)
      : kind === 'end'
        ? badge(parts[0] ?? '', parts[1] ?? '#666666', colours)
        : kind === 'heading'
          ? heading(parts[0] ?? '#666666', colours)
          : kind === 'name'
            ? label(parts.join('|'), colours)
            : undefined;
  if (drawn) map.addImage(name, drawn, { pixelRatio: SCALE });
}

type Drawing = CanvasRenderingContext2D;

function draw(width: number, height: number, paint: (c: Drawing) => void): ImageData {
  const canvas = document.createElement('canvas');
  canvas.width = Math.ceil(width * SCALE);
  canvas.height = Math.ceil(height * SCALE);
  const c = canvas.getContext('2d') as Drawing;
  c.scale(SCALE, SCALE);
  c.textAlign = 'center';
  c.textBaseline = 'middle';
  paint(c);
  return c.getImageData(0, 0, canvas.width, canvas.height);
}

function textWidth(text: string, font: string): number {
  const c = document.createElement('canvas').getContext('2d') as Drawing;
  c.font = font;
  return c.measureText(text).width;
}

/** Round = on line, square and hollow = silent, triangle = cannot read cards: three shapes, not three colours. */
function vehicle(text: string, state: string, colour: string, colours: MapColours): ImageData {
  const font = `700 13px ${FONT}`;
  const half = Math.max(13, textWidth(text, font) / 2 + 7);
  const size = half * 2 + 8;
  return draw(size, 36, (c) => {
    const [x, y] = [size / 2, 18];
    c.beginPath();
    if (state === 'out-of-order') {
      c.moveTo(x, y - 16);
      c.lineTo(x + half + 3, y + 12);
      c.lineTo(x - half - 3, y + 12);
      c.closePath();
    } else if (state === 'offline') c.rect(x - half + 1, y - 11, half * 2 - 2, 22);
    else c.roundRect(x - half, y - 12, half * 2, 24, 12);
    const fill = state === 'online' ? colour : state === 'offline' ? colours.paper : colours.alarm;
    c.fillStyle = fill;
    c.fill();
    c.lineWidth = state === 'offline' ? 2 : 2.5;
    c.strokeStyle = state === 'offline' ? colours.quiet : colours.paper;
    if (state === 'offline') c.setLineDash([4, 3]);
    c.stroke();
    c.font = font;
    c.fillStyle = state === 'offline' ? colours.quiet : inkOn(fill);
    c.fillText(text, x, y + (state === 'out-of-order' ? 4 : 0.5));
  });
}

/** A small arrow that stands outside the vehicle's sign, towards where it goes. */
function heading(colour: string, colours: MapColours): ImageData {
  return draw(14, 52, (c) => {
    c.beginPath();
    c.moveTo(7, 1);
    c.lineTo(13, 10);
    c.lineTo(1, 10);
    c.closePath();
    c.fillStyle = colour;
    c.strokeStyle = colours.paper;
    c.lineWidth = 1.5;
    c.fill();
    c.stroke();
  });
}

function badge(text: string, colour: string, colours: MapColours): ImageData {
  const font = `600 11px ${FONT}`;
  const width = Math.max(18, textWidth(text, font) + 10);
  return draw(width + 4, 22, (c) => {
    c.beginPath();
    c.roundRect(2, 2, width, 18, 5);
    c.fillStyle = colours.paper;
    c.fill();
    c.lineWidth = 2;
    c.strokeStyle = colour;
    c.stroke();
    c.font = font;
    c.fillStyle = colours.ink;
    c.fillText(text, width / 2 + 2, 11.5);
  });
}

function label(text: string, colours: MapColours): ImageData {
  const font = `500 11.5px ${FONT}`;
  const width = textWidth(text, font) + 10;
  return draw(width, 20, (c) => {
    c.font = font;
    c.lineJoin = 'round';
    c.lineWidth = 4;
    c.strokeStyle = colours.halo;
    c.strokeText(text, width / 2, 10);
    c.fillStyle = colours.ink;
    c.fillText(text, width / 2, 10);
  });
}

/** Dark on light colours, white on dark ones. */
function inkOn(colour: string): string {
  const channel = (at: number) => Number.parseInt(colour.slice(at, at + 2), 16);
  return (channel(1) * 299 + channel(3) * 587 + channel(5) * 114) / 1000 > 150 ? '#111111' : '#ffffff';
}
