/** How long `status` waits for an answer: on a busy machine one takes seconds, and nothing is down. */
export const STATUS_MS_MAX = 8_000;

/** Whether somebody listens at a port of this machine: who does, and gives no answer in time, is slow. */
export async function portOpens(port: number, msMax = STATUS_MS_MAX): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), msMax);
  const ended = (): void => resolve(false);
  void Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      open(socket) {
        resolve(true);
        socket.end();
      },
      data() {},
      connectError: ended,
    },
  }).catch(ended);
  return await promise.finally(() => clearTimeout(timer));
}
