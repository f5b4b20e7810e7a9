/** The signal on which a process that was started with `clockStepImport` steps its wall clock. */
export const clockStepSignal = 'SIGUSR2';

/**
 * A `--import` for Node: on SIGUSR2 the process's wall clock steps forward by `stepMs`, and on the next one back by
 * twice as much, and so on. Monotonic time goes on, as it does when an operator or NTP sets a machine's clock.
 */
export function clockStepImport(stepMs: number): string {
  const source = `
    const Real = Date;
    let offsetMs = 0;
    let direction = 1;
    globalThis.Date = class extends Real {
      constructor(...parts) {
        if (parts.length === 0) super(Real.now() + offsetMs);
        else super(...parts);
      }
      static now() { return Real.now() + offsetMs; }
    };
    process.on('${clockStepSignal}', () => {
      offsetMs += direction * ${stepMs} * (offsetMs === 0 ? 1 : 2);
      direction = -direction;
    });`;
  return `data:text/javascript,${encodeURIComponent(source.replace(/\n\s+/g, '\n'))}`;
}
