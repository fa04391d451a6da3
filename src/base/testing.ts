/** For tests: looks again and again until it holds, and throws after `msMax` what it waited for. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  msMax = 10_000,
  what: string = holds.toString(),
): Promise<void> {
  const end = performance.now() + msMax;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`not within ${msMax} ms: ${what}`);
    await Bun.sleep(LOOK_MS);
  }
}

const LOOK_MS = 10;
