/**
 * By which fact the route of a tap stands (docs/decisions/0050). A contract of `fare.published_tap`: the command and the
 * pages say it in the same words.
 */
import type { Language } from './reason-codes.ts';

/**
 * Sorts of facts, strongest first: the dispatcher's correction; the shift a driver opened; the dispatcher's plan; the
 * shift a vehicle opened by its own plan; the device's assignment; the device's belief. `none`: nobody said a route.
 */
export type RouteBy = 'correction' | 'driver' | 'plan' | 'vehicle-plan' | 'device' | 'belief' | 'none';

const TEXTS: Readonly<Record<RouteBy, Readonly<Record<Language, string>>>> = {
  correction: {
    uk: 'виправив диспетчер',
    en: 'corrected by the dispatcher',
    de: 'von der Leitstelle berichtigt',
    pl: 'poprawił dyspozytor',
  },
  driver: {
    uk: 'водій відкрив зміну',
    en: 'shift opened by the driver',
    de: 'Schicht vom Fahrpersonal geöffnet',
    pl: 'zmianę otworzył kierowca',
  },
  plan: {
    uk: 'за планом диспетчера',
    en: 'by the dispatcher’s plan',
    de: 'nach dem Plan der Leitstelle',
    pl: 'według planu dyspozytora',
  },
  'vehicle-plan': {
    uk: 'за планом у машині',
    en: 'by the plan in the vehicle',
    de: 'nach dem Plan im Fahrzeug',
    pl: 'według planu w pojeździe',
  },
  device: {
    uk: 'за призначенням валідатора',
    en: 'by the assignment of the validator',
    de: 'nach der Zuordnung des Validators',
    pl: 'według przypisania kasownika',
  },
  belief: {
    uk: 'як записав валідатор',
    en: 'as the validator wrote it down',
    de: 'wie vom Validator notiert',
    pl: 'jak zapisał kasownik',
  },
  none: {
    uk: 'ніхто не назвав',
    en: 'nobody named one',
    de: 'niemand hat eine genannt',
    pl: 'nikt nie podał',
  },
};

/** In words; a sort of a later version is shown as it is; `null` where none is kept. */
export function routeByText(routeBy: string | null, language: Language): string | null {
  if (routeBy === null) return null;
  return Object.hasOwn(TEXTS, routeBy) ? TEXTS[routeBy as RouteBy][language] : routeBy;
}
