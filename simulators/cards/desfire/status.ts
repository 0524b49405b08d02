/** What the card says of a command: the second byte of `91xx`. */
export const STATUS = {
  ok: 0x00,
  noChanges: 0x0c,
  memory: 0x0e,
  illegal: 0x1c,
  integrity: 0x1e,
  noSuchKey: 0x40,
  length: 0x7e,
  denied: 0x9d,
  parameter: 0x9e,
  applicationNotFound: 0xa0,
  authentication: 0xae,
  more: 0xaf,
  boundary: 0xbe,
  aborted: 0xca,
  disabled: 0xcd,
  count: 0xce,
  duplicate: 0xde,
  fileNotFound: 0xf0,
} as const;

/** The outcome of a command before it is put into frames. */
export interface Outcome {
  readonly status: number;
  readonly data?: Buffer;
  /** Bytes of the first frames where a command has its own; the last one takes the rest. */
  readonly frameBytes?: readonly number[];
  /** EV1: the length of what was read was not asked for, so its end is marked. */
  readonly endMarked?: boolean;
  /** The session ends with this answer, which carries no MAC. */
  readonly endsSession?: boolean;
}

export function done(data: Buffer = Buffer.alloc(0)): Outcome {
  return { status: STATUS.ok, data };
}

export function refuse(status: number): Outcome {
  return { status };
}
