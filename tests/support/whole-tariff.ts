/** One package in which every field of every file has a value: what must not be overlooked by who goes through a package. */
import { BREAKDOWN } from './tariff.ts';

const names = (text: string) => `{ uk: ${text} uk, en: ${text} en, de: ${text} de, pl: ${text} pl }`;
const LAW = 'act: order-1, article: п. 1';

/** Files that a package may have, with each optional field somewhere. */
export const WHOLE: Readonly<Record<string, string>> = {
  'tariff.yaml': `
version_id: whole-1
names: ${names('Whole')}
valid_from: 2026-01-01
valid_to: 2027-01-01
zone: Europe/Kyiv
currency: UAH
status: in-force
act: order-1
superseded_note: ${names('note')}
sources: [{ url: "https://example.org/a", note: read there }]
acts:
  - { act_id: order-1, names: ${names('Order 1')}, number: "1", date: 2025-12-01, url: "https://example.org/1" }
  - { act_id: order-2, names: ${names('Order 2')} }
`,
  'concessions.yaml': `
concessions:
  - { concession_id: pensioner, rider_category_id: pensioner, names: ${names('pensioner')}, ${LAW}, url: "https://example.org/p", level: state, valid_from: 2026-01-01, valid_to: null, discount_kind: free, network_id: municipal, media_required: social_card, priority: 3, timeframe_group_id: school, resident_required: ternopil, escort_allowed: 1, quota_window: month, quota_rides: 60, over_quota: pensioner-after, stack_group: sixty, funding_id: city }
  - { concession_id: pensioner-after, rider_category_id: pensioner, names: ${names('after')}, ${LAW}, level: state, valid_from: 2026-01-01, valid_to: null, discount_kind: percent, discount_bp: 5000, round_minor: 10, round_mode: down, network_id: municipal, priority: 1, funding_id: city }
  - { concession_id: donor, rider_category_id: donor, names: ${names('donor')}, ${LAW}, level: city, valid_from: 2026-03-01, valid_to: 2026-04-01, discount_kind: fixed, discount_minor: 300, quota_window: week, quota_minor: 900, funding_id: city }
`,
  'funding.yaml': `
funding:
  - { funding_id: city, budget_level: city, names: ${names('city')}, budget_code: "0213", contract: "7", ${LAW} }
  - { funding_id: state, budget_level: state, names: ${names('state')}, ${LAW} }
`,
  'tap-policy.yaml': `
medium_kinds: { social: social_card, wallet: wallet_card, bank: bank_card }
networks:
  - { network_id: "", mode: in, passback_s: 120, companion_max: 1, bag_product_id: bag, bag_max: 2, extra_max: 2, same_vehicle_transfer: not, late_tap_accept_s: 259200, ${LAW} }
  - { network_id: metro, mode: in_out, passback_s: 20, companion_max: 1, max_journey_s: 7200, same_stop_cancel_s: 60, missing_tap: completion, completion: [{ from_stop_id: a1, to_stop_id: b1, after_s: 900 }], repair: { per_window: 3, window_days: 30, within_s: 604800, charged_minor_max: 300 }, late_tap_accept_s: 259200, ${LAW} }
  - { network_id: tram, mode: in_out, passback_s: 20, companion_max: 1, max_journey_s: 3600, missing_tap: flat, penalty_product_id: fine, late_tap_accept_s: 259200, ${LAW} }
`,
  'product-terms.yaml': `
products:
  - { fare_product_id: ride-municipal, kind: single, ${LAW} }
  - { fare_product_id: bag, kind: bag, ${LAW} }
  - { fare_product_id: pass, kind: pass, validity_amount: 30, validity_unit: day, validity_type: rolling, activation: purchase, usable_after_s: 900, max_companions: 1, ${LAW} }
  - { fare_product_id: ten, kind: carnet, validity_amount: 2, validity_unit: month, validity_type: calendar, activation: first_use, activate_within_days: 90, rides: 10, earned_by: rides, give_back: rides, give_back_within_days: 100, give_back_fee_minor: 250, ${LAW} }
`,
  'inspection.yaml': `
inspection:
  - { network_id: "", ride_window_s: 5400, ${LAW}, penalty: { fare_multiple: 20, fare_media_id: social_card, ${LAW} } }
`,
  'breakdown.yaml': BREAKDOWN,
  'caps.yaml': `
caps:
  - { cap_id: day, names: ${names('day')}, ${LAW}, window: day, day_start: "04:00", basis: amount, cap_minor: 5000, fare_media_ids: [social_card, wallet_card], rider_category_ids: [full], network_ids: [municipal], area_ids: [a], timeframe_group_id: peak, parent_cap_id: week, includes_companions: true, includes_penalties: true, strategy: optimal, extensions: [{ fare_product_id: zone-1, extension_product_id: zone-2 }] }
  - { cap_id: week, names: ${names('week')}, ${LAW}, window: week, week_start: monday, day_start: "04:00", basis: amount, cap_minor: 20000, fare_media_ids: [social_card, wallet_card] }
  - { cap_id: rides, names: ${names('rides')}, ${LAW}, window: days, window_days: 7, anchor: sliding, day_start: "04:00", basis: rides, cap_rides: 12 }
`,
  'emergency.yaml': `
emergency:
  - { rule_id: stop, names: ${names('stop')}, ${LAW}, valid_from: 2026-03-11, valid_to: 2026-04-11, suspends: concessions, network_id: municipal, ids: [donor] }
`,
  'compensation.yaml': `
compensation:
  - { compensation_id: a, funding_id: city, concession_id: donor, agency_id: tet, basis: fare_difference, reference_media_id: bank_card, coef_bp: 9000, vat: included, vat_bp: 2000, round_mode: half_up, monthly_limit_minor: 100000, valid_from: 2026-01-01, valid_to: 2027-01-01, ${LAW} }
  - { compensation_id: b, funding_id: state, basis: rate, rate_minor: 1007, coef_bp: 10000, vat: none, valid_from: 2026-01-01, valid_to: null, ${LAW} }
`,
  'revenue-split.yaml': `
revenue_split:
  - { fare_product_id: pass, method: weight, weights: [{ agency_id: tet, weight_bp: 6000 }, { agency_id: mat, weight_bp: 4000 }], ${LAW} }
  - { cap_id: day, method: own, ${LAW} }
`,
  'bank-terms.yaml': `
nominal_minor: 100
nominal_again_after_h: 336
window_days: 1
gather_minor_max: 30000
credit_wait_days: 3
retry_after_h: [24, 72]
write_off_after_days: 90
first_rides_minor_max: 6000
codes: [{ code: "51", meaning: not-enough-money, again: true }, { code: "43", meaning: stolen, again: false }]
act: order-1
article: п. 1
`,
  'fare_media.txt': `
fare_media_id,fare_media_name,fare_media_type
social_card,Соціальна карта,2
wallet_card,Електронний квиток,2
bank_card,Банківська картка,3
`,
  'rider_categories.txt': `
rider_category_id,rider_category_name,is_default_fare_category,eligibility_url
full,Повна вартість,1,
pensioner,Пенсіонер,0,https://example.org/who
donor,Донор,0,
`,
  'fare_products.txt': `
fare_product_id,fare_product_name,rider_category_id,fare_media_id,amount,currency,act,article
ride-municipal,Поїздка,full,social_card,12.00,UAH,order-1,п. 1
ride-municipal,Поїздка,full,wallet_card,14.00,UAH,,
ride-municipal,Поїздка,full,bank_card,15.00,UAH,,
ride-dear,Поїздка,full,social_card,20.00,UAH,,
zone-1,Зона,full,,10.00,UAH,,
zone-2,Зони,full,,14.00,UAH,,
tram,Трамвай,full,,9.00,UAH,,
fine,Доплата,full,,40.00,UAH,,
bag,Багаж,full,social_card,12.00,UAH,,
pass,Проїзний,full,social_card,900.00,UAH,,
ten,Десять,full,social_card,100.00,UAH,,
`,
  'fare_leg_rules.txt': `
rule_id,leg_group_id,network_id,from_area_id,to_area_id,from_timeframe_group_id,to_timeframe_group_id,fare_product_id,rule_priority,act,article
leg-municipal,city,municipal,,,,,ride-municipal,0,order-1,п. 1
leg-dear,city,municipal,,,,,ride-dear,0,order-1,п. 1
leg-pass,city,municipal,,,,,pass,0,order-1,п. 1
leg-ten,city,municipal,,,,,ten,0,order-1,п. 1
leg-peak,city,municipal,,,peak,,ride-municipal,5,order-1,п. 2
tram,city,tram,,,,,tram,0,order-1,п. 1
ab,city,metro,a,b,,,zone-2,3,order-1,п. 1
aa,city,metro,a,a,,,zone-1,3,order-1,п. 1
ba,city,metro,b,a,,,zone-2,3,order-1,п. 1
bb,city,metro,b,b,,,zone-1,3,order-1,п. 1
`,
  'fare_transfer_rules.txt': `
rule_id,from_leg_group_id,to_leg_group_id,transfer_count,duration_limit,duration_limit_type,fare_transfer_type,fare_product_id,act,article
transfer-30,city,city,2,1800,1,0,,order-1,п. 9
`,
  'timeframes.txt':
    'timeframe_group_id,start_time,end_time,service_id\npeak,07:00:00,09:00:00,work\nschool,08:00:00,16:00:00,work\n',
  'calendar.txt':
    'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\nwork,1,1,1,1,1,0,0,20260101,20261231\n',
  'calendar_dates.txt': 'service_id,date,exception_type\nwork,20260501,2\n',
  'networks.txt':
    'network_id,network_name\nmunicipal,Комунальний\nprivate,Приватний\nmetro,Метро\ntram,Трамвай\n',
  'route_networks.txt': 'network_id,route_id\nmunicipal,T1\nprivate,P1\nprivate,P2\nmetro,M1\ntram,R1\n',
  'areas.txt': 'area_id,area_name\na,Центр\nb,Край\n',
  'stop_areas.txt': 'area_id,stop_id\na,a1\nb,b1\n',
  'stops.txt':
    'stop_id,stop_name,stop_lat,stop_lon,location_type,parent_station,zone_id\na1,Ринок,49.55,25.59,0,,z\nb1,Вокзал,49.56,25.6,0,,z\n',
  'translations.txt':
    'table_name,field_name,language,translation,record_id\nfare_media,fare_media_name,en,Social card,social_card\n',
};
