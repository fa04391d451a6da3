import { afterAll, setDefaultTimeout } from 'bun:test';

import { stopTestServer } from './testing.ts';

// In a preload this runs once, after the last file; `bun test` fires no exit event to use instead.
afterAll(stopTestServer);

// Five seconds, the default, are not enough for a real server on a busy machine.
setDefaultTimeout(60_000);
