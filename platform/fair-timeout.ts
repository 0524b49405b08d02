/**
 * A limit on how long others may take, fair to them when this process stood still itself: after a stall (a busy host, a hanging
 * disk, a paused machine) the limit is over and the answer lies in the socket, and Node looks at its timers first. Here
 * what has arrived meanwhile is heard before anybody is given up.
 */

export interface FairTimeout {
  /** Begins the time anew. */
  refresh(): void;
  /** Nothing is called any more. May be called twice. */
  cancel(): void;
}

/** Calls when so much time has passed and what came until then has been looked at. */
export function fairTimeout(ms: number, call: () => void): FairTimeout {
  let last: NodeJS.Immediate | undefined;
  const timer = setTimeout(() => {
    // Immediates come after a look at sockets and pipes, timers before it.
    last = setImmediate(call);
  }, ms);
  return {
    refresh() {
      clearImmediate(last);
      timer.refresh();
    },
    cancel() {
      clearImmediate(last);
      clearTimeout(timer);
    },
  };
}
