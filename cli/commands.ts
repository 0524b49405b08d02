/**
 * The table of commands. A command's code is loaded when it is called, so `quote` never pays for the city and `serve`
 * never sees a simulator.
 */
import type { CommandEntry, CommandModule } from './command.ts';

function command(name: string): Promise<CommandModule> {
  return import(`./commands/${name}.ts`) as Promise<CommandModule>;
}

export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'city',
    summary: 'the whole platform with a simulated city living in it (npm start)',
    load: () => command('city'),
  },
  { name: 'serve', summary: 'real parts only, by role', load: () => command('serve') },
  {
    name: 'migrate',
    summary: 'make or update the database of a PostgreSQL server',
    load: () => command('migrate'),
  },
  {
    name: 'broker',
    summary: 'configuration of mosquitto and other brokers, kept in step with enrolment',
    load: () => command('broker'),
  },
  {
    name: 'backup',
    summary: 'look at a backup, check it, move its watermark',
    load: () => command('backup'),
  },
  { name: 'restore', summary: 'from a backup to a database', load: () => command('restore') },
  {
    name: 'ca',
    summary: "make the city's device authority, and certificates of its own services",
    load: () => command('ca'),
  },
  {
    name: 'device',
    summary: 'enrol a device by a one-time code, revoke it, list them all',
    load: () => command('device'),
  },
  {
    name: 'keys',
    summary: "the city's own signing keys follow each other, and every device follows them",
    load: () => command('keys'),
  },
  { name: 'edge', summary: 'one validator agent', load: () => command('edge') },
  { name: 'tap', summary: 'present a virtual card to a validator', load: () => command('tap') },
  { name: 'quote', summary: 'what a journey costs, by any GTFS Fares v2 feed', load: () => command('quote') },
  { name: 'price', summary: 'price an exported bundle of facts, offline', load: () => command('price') },
  { name: 'explain', summary: 'why a tap cost what it cost', load: () => command('explain') },
  {
    name: 'assign',
    summary: 'which route and carrier hold, and the office’s word on them',
    load: () => command('assign'),
  },
  {
    name: 'repair',
    summary: 'journeys whose exit is missing: what passengers told, and the office’s word on it',
    load: () => command('repair'),
  },
  { name: 'deny', summary: 'deny a card by hand, ask about one', load: () => command('deny') },
  { name: 'bank', summary: 'what bank cards owe, and that it was paid', load: () => command('bank') },
  {
    name: 'reconcile',
    summary: 'a day’s money by ledger, acquirer, provider, tills and bank',
    load: () => command('reconcile'),
  },
  {
    name: 'claims',
    summary: 'compensation claims: draft, submit, object, answer, agree',
    load: () => command('claims'),
  },
  { name: 'audit', summary: 'export facts, reconcile the books', load: () => command('audit') },
  {
    name: 'ledger',
    summary: 'trial balance and accounts, now or as they were known at an instant',
    load: () => command('ledger'),
  },
  {
    name: 'open-data',
    summary: 'riders and revenue by route and day, and plain tariffs, for everybody',
    load: () => command('open-data'),
  },
  {
    name: 'entitlement',
    summary: 'an account has a right, and has it no longer',
    load: () => command('entitlement'),
  },
  {
    name: 'pass',
    summary: 'a pass or carnet is sold, and given back',
    load: () => command('pass'),
  },
  {
    name: 'settle',
    summary: 'months are settled with the carriers, and the acts signed',
    load: () => command('settle'),
  },
  {
    name: 'import',
    summary: 'bring a running system over, compare a period of parallel running',
    load: () => command('import'),
  },
  {
    name: 'tariff',
    summary: 'check tariffs, say what differs, try them on cases and past taps',
    load: () => command('tariff'),
  },
  { name: 'bench', summary: 'measure it on this machine, against a peer', load: () => command('bench') },
  {
    name: 'doctor',
    summary: 'what this machine has, what is missing, what that costs',
    load: () => command('doctor'),
  },
];
