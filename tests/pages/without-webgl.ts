/** Pages without a map: drawn by the processor it takes most of a test's time. */

/** Runs in the page: it finds no WebGL, so that no map is drawn. */
export function withoutWebGl(): void {
  const { getContext } = HTMLCanvasElement.prototype as { getContext: (...args: unknown[]) => unknown };
  HTMLCanvasElement.prototype.getContext = function (this: HTMLCanvasElement, ...args: unknown[]) {
    return args[0] === 'webgl2' ? null : getContext.apply(this, args);
  } as HTMLCanvasElement['getContext'];
}
