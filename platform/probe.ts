/**
 * Named points in the code where a fault test may stop or kill a process. Production hands in {@link noProbe}.
 */
export type Probe = (point: string) => void | Promise<void>;

/** Does nothing. */
export const noProbe: Probe = () => {};
