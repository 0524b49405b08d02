/**
 * The broker's key and certificate, followed as files: a certificate that was issued anew holds from the next
 * handshake on, without a restart.
 */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { OperatorError } from '#platform/errors.ts';
import type { Logger } from '#platform/logger.ts';
import type { TlsFilePaths } from '../config.ts';
import type { ListenerTls } from './tcp-listener.ts';

export interface TlsFiles {
  readonly current: ListenerTls;
  stop(): void;
}

/**
 * Reads the files and looks at them again and again; what cannot be used later is logged and the former stays.
 * @throws OperatorError BROKER_TLS_INVALID when the first reading fails.
 */
export function openTlsFiles(options: {
  readonly paths: TlsFilePaths;
  readonly everyMs: number;
  readonly log: Logger;
  readonly onChange: (tls: ListenerTls) => void;
}): TlsFiles {
  const { paths, log } = options;
  let stamp = stampOf(paths);
  const current = readTls(paths);
  const timer = setInterval(() => {
    const now = stampOf(paths);
    if (now === stamp) return;
    stamp = now;
    try {
      options.onChange(readTls(paths));
      log.info('broker.tls.read');
    } catch (err) {
      log.error({ problem: (err as Error).message }, 'broker.tls.refused: the former stays in force');
    }
  }, options.everyMs);
  timer.unref();
  return { current, stop: () => clearInterval(timer) };
}

function stampOf(paths: TlsFilePaths): string {
  return Object.values(paths)
    .map((path: string) => {
      const found = statSync(path, { bigint: true, throwIfNoEntry: false });
      return found === undefined ? 'absent' : `${found.mtimeNs} ${found.size} ${found.ino}`;
    })
    .join(' ');
}

function readTls(paths: TlsFilePaths): ListenerTls {
  try {
    const tls = {
      key: readFileSync(paths.key, 'utf8'),
      cert: readFileSync(paths.cert, 'utf8'),
      ca: readFileSync(paths.ca, 'utf8'),
    };
    const certificate = new X509Certificate(tls.cert);
    if (!certificate.checkPrivateKey(createPrivateKey(tls.key)))
      throw new Error('the key is not that of the certificate');
    if (!new X509Certificate(tls.ca).ca) throw new Error('the authority is no certificate of an authority');
    return tls;
  } catch (error) {
    throw new OperatorError({
      code: 'BROKER_TLS_INVALID',
      happened: `The broker's TLS files (${Object.values(paths).join(', ')}) cannot be used: ${(error as Error).message}.`,
      kept: 'No connection was taken with them.',
      todo: 'Name the right files, or issue the certificate anew with: npx kvytok ca server',
      cause: error,
    });
  }
}
