import { access } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The files a pocketsphinx decoder needs, and the folders its libraries find each other in. */
export interface PocketsphinxFiles {
  readonly origin: 'system' | 'private';
  readonly libPocketsphinx: string;
  readonly libSphinxbase: string;
  /** For `LD_LIBRARY_PATH`; empty for the system's own. */
  readonly libraryFolders: readonly string[];
  readonly acousticModel: string;
  readonly languageModel: string;
  readonly dictionary: string;
}

export type PocketsphinxLocation =
  | { readonly found: true; readonly files: PocketsphinxFiles }
  | { readonly found: false; readonly missing: readonly string[] };

/** Debian's names for the processors that both Node and its pocketsphinx packages are built for. */
const triplets: Readonly<Partial<Record<NodeJS.Architecture, string>>> = {
  x64: 'x86_64-linux-gnu',
  arm64: 'aarch64-linux-gnu',
  arm: 'arm-linux-gnueabihf',
  ia32: 'i386-linux-gnu',
  ppc64: 'powerpc64le-linux-gnu',
  s390x: 's390x-linux-gnu',
};

/** Where fetched engines live: CROSSFADE_ENGINES_DIR, else the user's cache folder. */
export function enginesFolder(env: NodeJS.ProcessEnv = process.env): string {
  return (
    env['CROSSFADE_ENGINES_DIR'] ||
    join(env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'crossfade', 'engines')
  );
}

/** Finds the system's packages, else those that `fetchPocketsphinx` unpacked. Starts nothing. */
export async function locatePocketsphinx(
  privateFolder: string = join(enginesFolder(), 'pocketsphinx'),
  systemFolder = '/',
): Promise<PocketsphinxLocation> {
  const triplet = triplets[process.arch];
  if (process.platform !== 'linux' || triplet === undefined) {
    return { found: false, missing: [`a Linux system (this is ${process.platform} on ${process.arch})`] };
  }
  const system = filesIn(systemFolder, triplet, 'system');
  if ((await missingOf(system)).length === 0) return { found: true, files: system };
  const fetched = filesIn(privateFolder, triplet, 'private');
  const missing = await missingOf(fetched);
  return missing.length === 0 ? { found: true, files: fetched } : { found: false, missing };
}

function filesIn(root: string, triplet: string, origin: PocketsphinxFiles['origin']): PocketsphinxFiles {
  const libraries = join(root, 'usr/lib', triplet);
  const model = join(root, 'usr/share/pocketsphinx/model/en-us');
  return {
    origin,
    libPocketsphinx: join(libraries, 'libpocketsphinx.so.3'),
    libSphinxbase: join(libraries, 'libsphinxbase.so.3'),
    // Debian keeps these two in folders of their own and links them by alternatives when it installs them.
    libraryFolders:
      origin === 'system' ? [] : [libraries, join(libraries, 'blas'), join(libraries, 'lapack')],
    acousticModel: join(model, 'en-us'),
    languageModel: join(model, 'en-us.lm.bin'),
    dictionary: join(model, 'cmudict-en-us.dict'),
  };
}

/** Each file that is needed and not there. A folder alone says nothing, so the model is asked for by its files. */
async function missingOf(files: PocketsphinxFiles): Promise<string[]> {
  const model = ['feat.params', 'mdef', 'means', 'variances', 'transition_matrices', 'sendump', 'noisedict'];
  const needed = [
    files.libPocketsphinx,
    files.libSphinxbase,
    ...(files.origin === 'private'
      ? [
          join(files.libraryFolders[1] as string, 'libblas.so.3'),
          join(files.libraryFolders[2] as string, 'liblapack.so.3'),
        ]
      : []),
    ...model.map((name) => join(files.acousticModel, name)),
    files.languageModel,
    files.dictionary,
  ];
  const there = await Promise.all(
    needed.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  );
  return needed.filter((_, i) => !there[i]);
}
