/** A folder that is there whole or not at all, with the hash of each file; large tables are written as they come. */
import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncFolder } from '#platform/atomic-file.ts';

/** A file that grows. */
export interface GrowingFile {
  write(text: string): Promise<void>;
  end(): Promise<void>;
}

export interface BundleFolder {
  table(name: string): Promise<GrowingFile>;
  file(name: string, bytes: string | Uint8Array): Promise<void>;
  /** Name and SHA-256 (hex) of each file that was ended, by name. */
  files(): { readonly name: string; readonly sha256: string }[];
  /** Gives the folder its own name. */
  rename(to: string): Promise<void>;
  /** Ends what is open; a folder that has not got its name is removed. */
  close(): Promise<void>;
}

/**
 * @param partial where it is written meanwhile; what lies there from a run that was killed is removed
 * @param signal where it is aborted, the next thing that is written throws its reason
 */
export async function openBundleFolder(partial: string, signal: AbortSignal): Promise<BundleFolder> {
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true, mode: 0o700 });
  const hashes = new Map<string, string>();
  const opened = new Set<FileHandle>();
  let named = false;
  const table = async (name: string): Promise<GrowingFile> => {
    const file = await open(join(partial, name), 'wx', 0o600);
    opened.add(file);
    const hash: Hash = createHash('sha256');
    return {
      write: async (text) => {
        signal.throwIfAborted();
        const bytes = Buffer.from(text, 'utf8');
        hash.update(bytes);
        await file.writeFile(bytes);
      },
      end: async () => {
        await file.sync();
        await file.close();
        opened.delete(file);
        hashes.set(name, hash.digest('hex'));
      },
    };
  };
  return {
    table,
    file: async (name, bytes) => {
      const file = await open(join(partial, name), 'wx', 0o600);
      opened.add(file);
      await file.writeFile(bytes);
      await file.sync();
      await file.close();
      opened.delete(file);
      hashes.set(name, createHash('sha256').update(bytes).digest('hex'));
    },
    files: () =>
      [...hashes].map(([name, sha256]) => ({ name, sha256 })).sort((a, b) => (a.name < b.name ? -1 : 1)),
    rename: async (to) => {
      signal.throwIfAborted();
      await rename(partial, to);
      named = true;
      syncFolder(dirname(to));
    },
    close: async () => {
      for (const file of opened) await file.close();
      if (!named) await rm(partial, { recursive: true, force: true });
    },
  };
}
