/** What enrolment needs of the outside. */
import type { CertificateSigner } from '#platform/x509.ts';

/** The city's device authority: a key in a file, or a handle of an HSM. */
export type DeviceCa = CertificateSigner;

/** What TLS has proven of a client: the name and number of a certificate of the authority. */
export interface ProvenClient {
  readonly name: string;
  /** Lower-case hex. */
  readonly serial: string;
}

export interface StoredCode {
  readonly deviceId: string;
  readonly vehicleId: string | undefined;
  /** For an inspector's device. */
  readonly inspector: boolean;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
  /** Last time the device was taken out of service, if ever. */
  readonly revokedAtMs: number | undefined;
  /** How it was used, if it was. */
  readonly use: CodeUse | undefined;
}

export interface CodeUse {
  readonly keyId: string;
  /** Hex. */
  readonly tlsKeySha256: string;
}

export interface StoredCertificate {
  readonly serial: string;
  readonly clientId: string;
  readonly role: string;
  readonly tlsKeySha256: string;
  readonly notAfterMs: number;
  readonly certificatePem: string;
  readonly revoked: boolean;
}

export interface NewCertificate {
  readonly serial: string;
  readonly clientId: string;
  readonly tlsKeySha256: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly issuedAtMs: number;
  readonly certificatePem: string;
}

export interface NewSigningKey {
  readonly deviceId: string;
  readonly keyId: string;
  readonly publicKeyPem: string;
  readonly validFromMs: number;
}

export type AlarmKind = 'code-used-again' | 'superseded-certificate' | 'foreign-signing-key';

/** Durable facts. Each call is one transaction: it holds wholly or has changed nothing. */
export interface EnrolmentStore {
  findCode(codeSha256: Uint8Array): Promise<StoredCode | undefined>;
  /**
   * Uses the code, registers the signing key, records the certificate and takes the device's former certificates
   * back. `taken` = somebody was faster, nothing was changed.
   */
  enrol(enrolment: {
    readonly codeSha256: Uint8Array;
    readonly use: CodeUse;
    readonly key: NewSigningKey;
    readonly certificate: NewCertificate;
    readonly nowMs: number;
  }): Promise<'done' | 'taken'>;
  /** What a device was enrolled as last; `undefined`: by no code. */
  roleOf(deviceId: string): Promise<Pick<StoredCode, 'vehicleId' | 'inspector'> | undefined>;
  findCertificate(serial: string): Promise<StoredCertificate | undefined>;
  /** The newest certificate of a client. */
  newestCertificate(clientId: string): Promise<StoredCertificate | undefined>;
  /** Public signing keys of a device that are not revoked at this instant, newest first; PEM. */
  signingKeys(deviceId: string, cityMs: number): Promise<readonly string[]>;
  /**
   * Records a successor. `after` is the certificate it follows: when another successor was recorded meanwhile, or
   * the device was taken out of service, nothing changes (`taken`).
   */
  renew(renewal: {
    readonly after: string;
    readonly certificate: NewCertificate;
    readonly key: NewSigningKey | undefined;
    /** From then on older signing keys are not taken any more, city time. */
    readonly oldKeysUntilMs: number;
  }): Promise<'done' | 'taken'>;
  alarm(alarm: {
    readonly deviceId: string;
    readonly kind: AlarmKind;
    readonly subject: string;
    readonly atMs: number;
  }): Promise<void>;
}
