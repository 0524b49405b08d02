/** Words of `kvytok tariff try`: Ukrainian, English, German, Polish, in this order in each row. */
export const TRY_WORDS = {
  asExpected: ['як очікувано', 'as expected', 'wie erwartet', 'zgodnie z oczekiwaniem'],
  different: ['ІНАКШЕ', 'DIFFERENT', 'ANDERS', 'INACZEJ'],
  ride: [
    'поїздка {n}: {at}, {medium}, маршрут {route}',
    'ride {n}: {at}, {medium}, route {route}',
    'Fahrt {n}: {at}, {medium}, Linie {route}',
    'przejazd {n}: {at}, {medium}, linia {route}',
  ],
  repetition: [
    '{n} ({nth}-та з {times})',
    '{n} ({nth} of {times})',
    '{n} ({nth} von {times})',
    '{n} ({nth} z {times})',
  ],
  pays: [
    'очікували, що пасажир заплатить {expected}; за тарифом — {found}',
    'the rider was to pay {expected}; by the tariff it is {found}',
    'der Fahrgast sollte {expected} zahlen; nach dem Tarif sind es {found}',
    'pasażer miał zapłacić {expected}; według taryfy jest {found}',
  ],
  claimed: [
    'очікували поїздку поза вимогою про компенсацію; за тарифом її буде включено',
    'the ride was to be in no compensation claim; by the tariff it is in one',
    'die Fahrt sollte in keiner Ausgleichsforderung stehen; nach dem Tarif steht sie darin',
    'przejazd miał nie wchodzić do wniosku o rekompensatę; według taryfy wchodzi',
  ],
  notClaimed: [
    'очікували поїздку у вимозі про компенсацію; за тарифом її там не буде',
    'the ride was to be in a compensation claim; by the tariff it is in none',
    'die Fahrt sollte in einer Ausgleichsforderung stehen; nach dem Tarif steht sie in keiner',
    'przejazd miał wejść do wniosku o rekompensatę; według taryfy nie wchodzi',
  ],
  because: [
    'у поясненні немає «{because}»; воно таке: «{found}»',
    'the explanation (in Ukrainian) lacks “{because}”; it is: “{found}”',
    'in der Begründung (auf Ukrainisch) fehlt „{because}“; sie lautet: „{found}“',
    'w wyjaśnieniu (po ukraińsku) brak „{because}”; brzmi ono: „{found}”',
  ],
  rule: ['правило {rule}: {act}', 'rule {rule}: {act}', 'Regel {rule}: {act}', 'reguła {rule}: {act}'],
  ruleAlone: ['правило {rule}', 'rule {rule}', 'Regel {rule}', 'reguła {rule}'],
  tariff: ['тариф {version}', 'tariff {version}', 'Tarif {version}', 'taryfa {version}'],
  noTariff: [
    'немає чинного тарифу',
    'no tariff in force',
    'kein gültiger Tarif',
    'brak obowiązującej taryfy',
  ],
  returned: [
    'повернення {product}: очікували {expected}, за тарифом — {found}',
    'giving back {product}: {expected} was expected, by the tariff it is {found}',
    'Rückgabe von {product}: erwartet war {expected}, nach dem Tarif ist es {found}',
    'zwrot {product}: oczekiwano {expected}, według taryfy jest {found}',
  ],
  summary: [
    'Випадків: {cases}. Як очікувано: {good}. Інакше: {bad}.',
    'Cases: {cases}. As expected: {good}. Different: {bad}.',
    'Fälle: {cases}. Wie erwartet: {good}. Anders: {bad}.',
    'Przypadków: {cases}. Zgodnie z oczekiwaniem: {good}. Inaczej: {bad}.',
  ],
} as const satisfies Readonly<Record<string, readonly [string, string, string, string]>>;
