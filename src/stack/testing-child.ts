import { childEnvironment } from '../base/config.ts';

/** The file of this folder that has each name. */
export type Imports = Readonly<Record<string, readonly string[]>>;

/** Runs a script in another Bun, with exports of this folder's files at hand. */
export function spawnScript<Complaints extends 'inherit' | 'pipe'>(
  imports: Imports,
  script: string,
  environment: Record<string, string>,
  complaints: Complaints,
): Bun.Subprocess<'ignore', 'pipe', Complaints> {
  const lines = Object.entries(imports).map(
    ([file, names]) => `import { ${names.join(', ')} } from '${import.meta.dir}/${file}';`,
  );
  return Bun.spawn([process.execPath, '-e', [...lines, script].join('\n')], {
    env: childEnvironment(environment),
    stdio: ['ignore', 'pipe', complaints],
  });
}

export async function firstLine(child: {
  readonly stdout: ReadableStream<Uint8Array>;
}): Promise<string> {
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value).trim();
}

/** What the promise is rejected with. */
export function failure(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'it worked',
    (cause: Error) => cause.message,
  );
}
