import { fork } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { ChildKind, ToChild } from '../processes/messages.ts';
import type { ChildEnd, ChildHandle } from './managed-child.ts';

/** How this program is started again as a child: its entry file and the flags Node needs for it. */
export interface Program {
  readonly entry: string;
  readonly execArgv: readonly string[];
}

/** This very program: the built one when it runs built, the sources through tsx when it runs from them. */
export function ownProgram(): Program {
  const fromSource = import.meta.url.endsWith('.ts');
  const entry = fileURLToPath(new URL(fromSource ? '../main.ts' : '../main.js', import.meta.url));
  return { entry, execArgv: fromSource ? ['--conditions=source', '--import=tsx'] : [] };
}

/** Longest line of a child's own output that is passed on; such lines come from native libraries and crashes. */
const outputLineMax = 500;

/** Forks `crossfade process KIND`; what it prints is handed on line by line. */
export function forkChild(program: Program, kind: ChildKind, onOutput: (line: string) => void): ChildHandle {
  const child = fork(program.entry, ['process', kind], {
    execArgv: [...program.execArgv],
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  for (const stream of [child.stdout, child.stderr]) {
    if (stream !== null) {
      createInterface({ input: stream }).on('line', (line) => onOutput(line.slice(0, outputLineMax)));
    }
  }
  return {
    pid: child.pid,
    // A child that died a moment ago has no channel any more; its exit tells the same.
    send: (message: ToChild) => void (child.connected && child.send(message, () => undefined)),
    kill: (signal) => void child.kill(signal),
    onMessage: (listener) => void child.on('message', listener),
    onExit: (listener) => onceEnded(child, listener),
  };
}

function onceEnded(child: ReturnType<typeof fork>, listener: (end: ChildEnd) => void): void {
  let told = false;
  const tell = (end: ChildEnd): void => {
    if (told) return;
    told = true;
    listener(end);
  };
  child.on('exit', (code, signal) => tell({ code, signal }));
  // `error` without an exit: the process could not be started. A failed kill or send comes here too.
  child.on('error', () => child.pid === undefined && tell({ code: null, signal: null }));
}
