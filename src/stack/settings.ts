/** What the machine offers, as far as the server's settings depend on it. */
export type Machine = {
  platform: string;
  memoryMb: number;
  sharedMemoryMb: number; // the size of /dev/shm; small in containers
  statistics: boolean; // whether pg_stat_statements ships with the binaries
};

const SHARED_MEMORY_MB_MIN = 256;

/**
 * PostgreSQL set up for loading in bulk on one machine, without giving up durability: a commit
 * is on disk when it is acknowledged. WAL is minimal, because nobody replicates from here.
 */
export function bulkLoadSettings(machine: Machine): Record<string, string> {
  return {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '', // a socket's path may be too long, or its folder read-only
    max_connections: '60',
    shared_buffers: `${sharedBuffersMb(machine.memoryMb)}MB`,
    work_mem: '64MB',
    maintenance_work_mem: '512MB',
    fsync: 'on',
    synchronous_commit: 'on',
    wal_level: 'minimal',
    max_wal_senders: '0',
    wal_compression: 'off',
    max_wal_size: '8GB',
    checkpoint_timeout: '30min',
    checkpoint_completion_target: '0.9',
    autovacuum: 'on',
    jit: 'off',
    timezone: 'Asia/Seoul', // the shop's
    log_timezone: 'Asia/Seoul',
    lc_messages: 'C',
    ...(machine.sharedMemoryMb < SHARED_MEMORY_MB_MIN && { dynamic_shared_memory_type: 'mmap' }),
    ...(machine.platform === 'linux' && { effective_io_concurrency: '64' }),
    ...(machine.statistics && { shared_preload_libraries: 'pg_stat_statements' }),
  };
}

/** An eighth of the memory within 512 MB and 1 GB, but never more than a quarter. */
export function sharedBuffersMb(memoryMb: number): number {
  const eighth = Math.min(1024, Math.max(512, memoryMb / 8));
  return Math.floor(Math.min(eighth, memoryMb / 4));
}

/** The settings as a file of PostgreSQL's, where a quote is doubled. */
export function settingsFile(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(
    ([name, value]) => `${name} = '${value.replaceAll("'", "''")}'\n`,
  );
  return `# Written at every start. Change settings with ALTER SYSTEM: that wins.\n${lines.join('')}`;
}
