/** What every generator of a broker's configuration takes and gives. Pure: texts in, texts out. */
import type { Parsed } from '#contracts/parse.ts';
import type { Identities } from './identity.ts';
import type { ServerLimits } from './server-limits.ts';

/** Paths as the broker will see them. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Revocation list of the authority, for brokers that read one: certificates that are good no more. */
  readonly crl?: string;
}

export interface ServerConfigInput {
  readonly identities: Identities;
  readonly limits: ServerLimits;
  readonly listen: { readonly host: string; readonly port: number };
  /** Absolute folder in which the files will lie; configurations name each other by it. */
  readonly folder: string;
  /** Server certificate, and the authority of the devices' certificates. Without it clients prove themselves by secret. */
  readonly tls?: TlsFiles;
  /** User of the system that the broker runs as, where it starts as root. */
  readonly user?: string;
}

export interface ConfigFile {
  /** Name within the folder. */
  readonly name: string;
  readonly text: string;
  /** Holds hashes of secrets: for the broker's group only. */
  readonly secret: boolean;
}

/** The files of one broker, or why these identities cannot be written in its form. */
export type ServerConfig = Parsed<readonly ConfigFile[]>;

export type ServerConfigGenerator = (input: ServerConfigInput) => ServerConfig;

/** Heads every generated file. */
export const GENERATED = 'Written by "kvytok broker config"; changes are overwritten. See docs/BROKERS.md.';
