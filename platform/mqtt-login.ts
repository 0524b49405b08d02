/**
 * How a service of the city proves itself to the broker: by a certificate, or by a secret on the loopback. Certificate
 * files are read at each connection, so one that was issued anew is used without a restart.
 */
import { readFileSync } from 'node:fs';
import { OperatorError } from './errors.ts';
import type { TlsIdentity } from './pinned-tls.ts';
import { readSecretFile } from './secret-files.ts';

/** Part of the configuration of whoever connects; one of both is there. */
export interface MqttLogin {
  /** For a broker of the loopback without TLS. */
  readonly mqttSecret?: string;
  /** Own certificate and pinned authority; asked at each connection. */
  readonly mqttTls?: () => TlsIdentity;
}

/** Paths as a role's configuration names them. */
export interface LoginFiles {
  readonly secretFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly caFile?: string | undefined;
}

/**
 * The login that these files make for this address.
 * @throws OperatorError MQTT_LOGIN_INVALID when they do not go together, SECRET_FILE_UNREADABLE.
 */
export function mqttLogin(url: string, files: LoginFiles): MqttLogin {
  const { secretFile, certFile, keyFile, caFile } = files;
  if (url.startsWith('mqtts:')) {
    if (certFile === undefined || keyFile === undefined || caFile === undefined)
      throw invalid(
        'An address with mqtts:// needs a certificate, its key and the authority, each as a file',
      );
    const tls = (): TlsIdentity => ({
      cert: readFileSync(certFile, 'utf8'),
      key: readFileSync(keyFile, 'utf8'),
      ca: readFileSync(caFile, 'utf8'),
    });
    for (const path of [certFile, keyFile, caFile]) readSecretFile(path); // said now, not at the first connection
    return { mqttTls: tls };
  }
  if (secretFile === undefined) throw invalid('An address with mqtt:// needs a secret as a file');
  return { mqttSecret: readSecretFile(secretFile) };
}

function invalid(happened: string): OperatorError {
  return new OperatorError({
    code: 'MQTT_LOGIN_INVALID',
    happened: `${happened}.`,
    kept: 'Nothing was started and nothing was changed.',
    todo: 'Name the files in the environment (docs/OPERATIONS.md, "Certificates") and start again.',
  });
}
