/** The small package with timeframes: 20.00 in the peaks, 12.00 else; every day of the year alike. */
import { PACKAGE } from './tariff.ts';

/** Peaks as `HH:MM:SS` pairs, local wall time. */
export function peakFiles(
  peaks: readonly (readonly [string, string])[] = [['07:00:00', '09:00:00']],
): Record<string, string> {
  return {
    'calendar.txt':
      'service_id,monday,tuesday,wednesday,thursday,friday,saturday,sunday,start_date,end_date\n' +
      'daily,1,1,1,1,1,1,1,20260101,20271231\n',
    'timeframes.txt': `timeframe_group_id,start_time,end_time,service_id\n${peaks
      .map(([from, until]) => `peak,${from},${until},daily\n`)
      .join('')}`,
    'fare_products.txt': `${PACKAGE['fare_products.txt']?.trim()}
ride-peak,Поїздка,full,social_card,20.00,UAH
ride-peak,Поїздка,full,wallet_card,20.00,UAH
`,
    'fare_leg_rules.txt': `
rule_id,leg_group_id,network_id,from_timeframe_group_id,fare_product_id,rule_priority,act,article
leg-municipal,city,municipal,,ride-municipal,0,order-1,п. 1
leg-private,city,private,,ride-private,0,order-1,п. 1
leg-peak,city,municipal,peak,ride-peak,1,order-1,п. 2
`,
  };
}
