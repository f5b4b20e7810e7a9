/**
 * The part of `wasi_snapshot_preview1` that flite calls, in memory: arguments in, standard output and one
 * written file out. No temporary files and no experimental `node:wasi`.
 */
export interface WasiResult {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
  /** What the program wrote to `outputName`; empty when it wrote nothing. */
  readonly output: Uint8Array;
}

/** The few parts of WebAssembly used here: this package's types know no browser, and Node's name none of it. */
interface WasmMemory {
  readonly buffer: ArrayBuffer;
}
interface WasmApi {
  compile(bytes: Uint8Array): Promise<WasmModule>;
  readonly Instance: new (
    module: WasmModule,
    imports: object,
  ) => { readonly exports: Readonly<Record<string, unknown>> };
}
/** A compiled module; opaque. */
export type WasmModule = object;
const { compile, Instance } = (globalThis as unknown as { readonly WebAssembly: WasmApi }).WebAssembly;

/** Compiles once what `runWasi` then runs many times. */
export function compileWasi(bytes: Uint8Array): Promise<WasmModule> {
  return compile(bytes);
}

const errno = { ok: 0, badf: 8, noent: 44 } as const;
const fd = { stdout: 1, stderr: 2, folder: 3, file: 4 } as const;
/** 64 MB: half an hour of 16 kHz speech. A program that writes more is broken. */
const maxOutputBytes = 64 * 1024 * 1024;
/** preview1 file types: 3 is a directory, 4 a regular file, 2 a character device. */
const fileTypes: Readonly<Record<number, number>> = { 0: 2, 1: 2, 2: 2, 3: 3, 4: 4 };

/** How a program leaves: it unwinds the WebAssembly stack. */
class Exit extends Error {
  readonly code: number;
  constructor(code: number) {
    super(`exit ${code}`);
    this.code = code;
  }
}

/** A growing file with a position, as one descriptor sees it. */
class MemoryFile {
  #bytes = new Uint8Array(64 * 1024);
  #size = 0;
  position = 0;

  get contents(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  write(chunk: Uint8Array): void {
    const end = this.position + chunk.length;
    if (end > maxOutputBytes) throw new Exit(74);
    if (end > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(end, this.#bytes.length * 2));
      grown.set(this.contents);
      this.#bytes = grown;
    }
    this.#bytes.set(chunk, this.position);
    this.position = end;
    this.#size = Math.max(this.#size, end);
  }

  seek(offset: number, whence: number): number {
    const base = whence === 0 ? 0 : whence === 1 ? this.position : this.#size;
    this.position = Math.max(0, base + offset);
    return this.position;
  }
}

type Files = ReadonlyMap<number, MemoryFile>;
/** The program's memory, looked at anew for each call: its buffer is replaced whenever it grows. */
interface Memory {
  view(): DataView;
  bytes(at: number, length: number): Uint8Array;
}

/** Runs a compiled WASI command once, in a fresh instance. `outputName` is the only file it may open. */
export function runWasi(module: WasmModule, args: readonly string[], outputName = 'out'): WasiResult {
  const file = { stdout: new MemoryFile(), stderr: new MemoryFile(), output: new MemoryFile() };
  const files: Files = new Map([
    [fd.stdout, file.stdout],
    [fd.stderr, file.stderr],
    [fd.file, file.output],
  ]);
  let exported: WasmMemory | undefined;
  const memory: Memory = {
    view: () => new DataView((exported as WasmMemory).buffer),
    bytes: (at, length) => new Uint8Array((exported as WasmMemory).buffer, at, length),
  };
  const calls = {
    ...processCalls(memory, args),
    ...folderCalls(memory, outputName),
    ...fileCalls(memory, files),
  };
  const instance = new Instance(module, { wasi_snapshot_preview1: calls });
  exported = instance.exports['memory'] as WasmMemory;
  let exitCode = 0;
  try {
    (instance.exports['_start'] as () => void)();
  } catch (error) {
    if (!(error instanceof Exit)) throw error;
    exitCode = error.code;
  }
  const text = ({ contents }: MemoryFile): string => new TextDecoder().decode(contents);
  return {
    exitCode,
    stdout: text(file.stdout),
    stderr: text(file.stderr),
    output: file.output.contents.slice(),
  };
}

function processCalls({ view, bytes }: Memory, args: readonly string[]) {
  const argv = args.map((arg) => new TextEncoder().encode(`${arg}\0`));
  return {
    args_sizes_get(countAt: number, sizeAt: number): number {
      view().setUint32(countAt, argv.length, true);
      const size = argv.reduce((sum, arg) => sum + arg.length, 0);
      view().setUint32(sizeAt, size, true);
      return errno.ok;
    },
    args_get(pointersAt: number, bytesAt: number): number {
      let at = bytesAt;
      argv.forEach((arg, i) => {
        view().setUint32(pointersAt + 4 * i, at, true);
        bytes(at, arg.length).set(arg);
        at += arg.length;
      });
      return errno.ok;
    },
    // Flite only prints elapsed time; a clock that stands keeps its output a function of its input.
    clock_time_get(_id: number, _precision: bigint, at: number): number {
      view().setBigUint64(at, 0n, true);
      return errno.ok;
    },
    proc_exit(code: number): never {
      throw new Exit(code);
    },
  };
}

/** One folder, ".", with one file in it that may be opened for writing. */
function folderCalls({ view, bytes }: Memory, outputName: string) {
  return {
    fd_prestat_get(descriptor: number, at: number): number {
      if (descriptor !== fd.folder) return errno.badf;
      view().setUint32(at, 0, true);
      view().setUint32(at + 4, 1, true);
      return errno.ok;
    },
    fd_prestat_dir_name(_descriptor: number, at: number): number {
      bytes(at, 1)[0] = '.'.charCodeAt(0);
      return errno.ok;
    },
    path_open(...call: readonly unknown[]): number {
      const [, , pathAt, pathLength, , , , , openedAt] = call as readonly number[];
      const path = new TextDecoder().decode(bytes(pathAt as number, pathLength as number));
      if (path !== outputName) return errno.noent;
      view().setUint32(openedAt as number, fd.file, true);
      return errno.ok;
    },
  };
}

function fileCalls({ view, bytes }: Memory, files: Files) {
  return {
    fd_close: (): number => errno.ok,
    fd_fdstat_set_flags: (): number => errno.ok,
    fd_fdstat_get(descriptor: number, at: number): number {
      const type = fileTypes[descriptor];
      if (type === undefined) return errno.badf;
      const everyRight = 0xffff_ffff_ffff_ffffn;
      bytes(at, 24).fill(0);
      view().setUint8(at, type);
      view().setBigUint64(at + 8, everyRight, true);
      view().setBigUint64(at + 16, everyRight, true);
      return errno.ok;
    },
    // Standard input is empty, and nothing else is there to be read.
    fd_read(_descriptor: number, _vectorsAt: number, _count: number, readAt: number): number {
      view().setUint32(readAt, 0, true);
      return errno.ok;
    },
    fd_seek(descriptor: number, offset: bigint, whence: number, at: number): number {
      const file = files.get(descriptor);
      if (file === undefined) return errno.badf;
      view().setBigUint64(at, BigInt(file.seek(Number(offset), whence)), true);
      return errno.ok;
    },
    fd_write(descriptor: number, vectorsAt: number, count: number, writtenAt: number): number {
      const file = files.get(descriptor);
      if (file === undefined) return errno.badf;
      let written = 0;
      for (let i = 0; i < count; i++) {
        const at = view().getUint32(vectorsAt + 8 * i, true);
        const length = view().getUint32(vectorsAt + 8 * i + 4, true);
        file.write(bytes(at, length));
        written += length;
      }
      view().setUint32(writtenAt, written, true);
      return errno.ok;
    },
  };
}
