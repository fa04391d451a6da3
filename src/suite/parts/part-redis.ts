import { checkAccess, closeRedis, openRedis, type Redis } from '../../cache/client.ts';
import { redisOf } from '../config.ts';
import type { PartContext } from '../part.ts';

/**
 * Redis for a part, and whether it is there, as a check. Away it only degrades, since everybody goes on
 * without it; but a wrong password is a mistake that waiting does not mend, and ends the part.
 */
export async function openPartRedis({
  name,
  config,
  check,
}: Pick<PartContext, 'name' | 'config' | 'check'>): Promise<Redis> {
  const url = redisOf(config);
  const redis = await openRedis(url, { name });
  try {
    await checkAccess(redis, url);
  } catch (cause) {
    await closeRedis(redis);
    throw cause;
  }
  const tell = (failure: string | null): void => check('redis', failure, true);
  redis.on('ready', () => tell(null));
  redis.on('close', () => tell('not connected'));
  tell(redis.status === 'ready' ? null : 'not connected');
  return redis;
}
