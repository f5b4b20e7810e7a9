/** What package-lock.json says of one package, as far as we read it. */
export interface LockEntry {
  readonly link?: boolean;
  readonly resolved?: string;
  readonly integrity?: string;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

export interface Lock {
  readonly packages: Readonly<Record<string, LockEntry>>;
}

/**
 * What is wrong with a lock file, a sentence each. Two traps that `npm install` falls into without a word: it may
 * record download addresses of one machine, and it drops optional binaries of other systems that the registry did
 * not have at that moment, after which `npm ci` refuses the whole lock on every machine.
 */
export function lockProblems(lock: Lock): readonly string[] {
  const problems: string[] = [];
  for (const [path, entry] of Object.entries(lock.packages)) {
    const name = path === '' ? 'the root package' : path;
    if (/^https?:/.test(entry.resolved ?? '')) {
      problems.push(
        `${name}: expected no download address, got ${entry.resolved}. Set omit-lockfile-registry-resolved=true in .npmrc and write the lock anew.`,
      );
    }
    if (isInstalled(path, entry) && entry.integrity === undefined) {
      problems.push(`${name}: expected an integrity hash, got none. Write the lock anew.`);
    }
    for (const optional of Object.keys(entry.optionalDependencies ?? {})) {
      if (!resolves(lock, path, optional)) {
        problems.push(
          `${name}: expected its optional dependency ${optional} in the lock, got none. Pin a version whose binaries are all published.`,
        );
      }
    }
  }
  return problems;
}

/** Whether an entry comes from a registry; workspaces and links to them do not. */
function isInstalled(path: string, entry: LockEntry): boolean {
  return path.includes('node_modules/') && entry.link !== true;
}

/** Looks for `name` the way Node does: in the package's own node_modules, then in each one above. */
function resolves(lock: Lock, from: string, name: string): boolean {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('/')))) {
    const candidate = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`;
    if (candidate in lock.packages) return true;
    if (at === '') return false;
  }
}
