import type { Redis } from '../../cache/client.ts';
import type { PartContext } from '../part.ts';

/** Says whether Redis is there. It only degrades: everybody goes on without it. */
export function checkRedis(redis: Redis, check: PartContext['check']): void {
  const tell = (failure: string | null): void => check('redis', failure, true);
  redis.on('ready', () => tell(null));
  redis.on('close', () => tell('not connected'));
  tell(redis.status === 'ready' ? null : 'not connected');
}
