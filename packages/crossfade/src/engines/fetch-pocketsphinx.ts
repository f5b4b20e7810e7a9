import { join } from 'node:path';
import { fetchDebianPackages, type FetchedPackages, type FetchOptions } from './fetch-debian.ts';
import { enginesFolder } from './pocketsphinx-locate.ts';

/** The recognizer, its model, and what its libraries load. GCC's quad math exists for these processors alone. */
const pocketsphinxPackages: readonly string[] = [
  'libpocketsphinx3',
  'libsphinxbase3',
  'pocketsphinx-en-us',
  'libblas3',
  'liblapack3',
  'libgfortran5',
  ...(['x64', 'ia32', 'ppc64'].includes(process.arch) ? ['libquadmath0'] : []),
];

export type FetchPocketsphinxOptions = Partial<Omit<FetchOptions, 'packages'>>;

/**
 * Puts pocketsphinx into the user's own folder, from Debian's or Ubuntu's packages; `locatePocketsphinx` finds
 * it there. About 28 MB to download (and 10 MB of package lists), 50 MB on disk; at once when it is there.
 */
export function fetchPocketsphinx(options: FetchPocketsphinxOptions = {}): Promise<FetchedPackages> {
  const targetFolder = options.targetFolder ?? join(enginesFolder(), 'pocketsphinx');
  return fetchDebianPackages({ ...options, targetFolder, packages: pocketsphinxPackages });
}

/** Debian's recorded speech for pocketsphinx (5 sentences of LibriVox, 5 card phrases); tests use it. */
export function fetchPocketsphinxTestdata(options: FetchPocketsphinxOptions = {}): Promise<FetchedPackages> {
  const targetFolder = options.targetFolder ?? join(enginesFolder(), 'pocketsphinx-testdata');
  return fetchDebianPackages({ ...options, targetFolder, packages: ['pocketsphinx-testdata'] });
}
