/** A stylesheet with a class for each route's colour: the CSP allows no inline styles. */
import type { CityNames } from '../city-names.ts';

/** `.route-3 { background: #c62828; color: #fff }` for every route. */
export function routeStyles(names: CityNames): string {
  return [...names.routes.values()]
    .map((route) => `.route-${route.order} { background: ${route.colour}; color: ${inkOn(route.colour)}; }`)
    .join('\n');
}

/** White or near-black, whichever has the higher contrast on the colour (WCAG 2.2, relative luminance). */
export function inkOn(colour: string): '#ffffff' | '#111111' {
  const light = luminance(colour);
  return 1.05 / (light + 0.05) >= (light + 0.05) / (luminance('#111111') + 0.05) ? '#ffffff' : '#111111';
}

function luminance(colour: string): number {
  const channel = (at: number) => {
    const value = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}
