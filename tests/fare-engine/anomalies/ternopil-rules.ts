/** The numbers of Ternopil's rules, for tests. */
import { join } from 'node:path';
import { readYaml } from '#platform/city-data.ts';
import { AnomalyRulesFile, type Rules, rulesFor } from '../../../fare-engine/anomalies/rules-file.ts';

export const TERNOPIL = join(import.meta.dirname, '../../../cities/ternopil');
export const RULES_FILE = readYaml(join(TERNOPIL, 'anomalies.yaml'), AnomalyRulesFile);

/** Those of October 2025. */
export const RULES = rulesFor(RULES_FILE, '2025-10-01', '2025-11-01') as Rules;
