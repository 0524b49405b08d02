/** Buttons and popups of the map. Everything they show is text, never markup. */
import { type Map as MapLibre, Popup } from 'maplibre-gl';
import type { Network } from './network.ts';

export function addZoomButtons(map: MapLibre, element: HTMLElement, network: Network): void {
  const box = document.createElement('div');
  box.className = 'map-buttons';
  const button = (text: string, label: string, act: () => void): void => {
    const made = document.createElement('button');
    made.type = 'button';
    made.textContent = text;
    made.setAttribute('aria-label', label);
    made.addEventListener('click', act);
    box.append(made);
  };
  button('+', '+', () => map.zoomIn());
  button('−', '−', () => map.zoomOut());
  button(
    '⤢',
    element.dataset['all'] ?? '',
    () => network.bbox && map.fitBounds(network.bbox, { padding: 30 }),
  );
  element.append(box);
}

export function addPopups(map: MapLibre, element: HTMLElement, network: Network): void {
  const stops = new Map(network.stops.map((stop) => [stop.properties.stopId, stop.properties.name]));
  const routes = new Map(network.routes.map((route) => [route.properties.routeId, route.properties]));
  const states = JSON.parse(element.dataset['states'] ?? '{}') as Record<string, string>;
  const popup = new Popup({ closeButton: false, offset: 18, maxWidth: '280px' });
  const show = (at: { lng: number; lat: number }, title: string, lines: (string | undefined)[]): void => {
    const box = document.createElement('div');
    for (const [i, line] of [title, ...lines].entries()) {
      if (!line) continue;
      const part = document.createElement(i === 0 ? 'strong' : 'span');
      part.textContent = line;
      box.append(part);
    }
    popup.setLngLat(at).setDOMContent(box).addTo(map);
  };
  map.on('click', 'vehicle', ({ features, lngLat }) => {
    const about = features?.[0]?.properties ?? {};
    const route = routes.get(String(about['routeId']));
    const next = stops.get(String(about['nextStopId']));
    show(lngLat, `${route?.name ?? '–'} · ${String(about['vehicleId'])}`, [
      route?.longName,
      route && network.carriers[route.carrierId],
      next && `${element.dataset['next']}: ${next}`,
      states[String(about['state'])],
    ]);
  });
  map.on('click', 'stop', ({ features, lngLat }) => {
    show(lngLat, String(features?.[0]?.properties?.['name'] ?? ''), [element.dataset['stop']]);
  });
  for (const layer of ['vehicle', 'stop']) {
    map.on('mouseenter', layer, () => map.getCanvas().classList.add('over'));
    map.on('mouseleave', layer, () => map.getCanvas().classList.remove('over'));
  }
}
