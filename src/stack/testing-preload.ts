import { afterAll } from 'bun:test';

import { stopTestServer } from './testing.ts';

// In a preload this runs once, after the last file; `bun test` fires no exit event to use instead.
afterAll(stopTestServer);
