/** The preferred port if it is free, else the system's choice. Somebody may still be quicker. */
export function choosePort(preferred: number | undefined): number {
  return preferred !== undefined && canListen(preferred) ? preferred : freePort();
}

/** So many different ports that were free a moment ago. */
export function freePorts(count: number): number[] {
  const listeners = Array.from({ length: count }, () => listen(0));
  const found = listeners.map((listener) => listener.port);
  for (const listener of listeners) listener.stop(true);
  return found;
}

export function freePort(): number {
  const listener = listen(0);
  listener.stop(true);
  return listener.port;
}

export function canListen(port: number): boolean {
  try {
    listen(port).stop(true);
    return true;
  } catch {
    return false; // in use, or not for this user
  }
}

function listen(port: number): Bun.TCPSocketListener {
  return Bun.listen({ hostname: '127.0.0.1', port, socket: { data() {} } });
}
