import type { ShopDay } from '../generate/carts.ts';
import { ChunkMaker } from './chunk-maker.ts';
import type { ToThread } from './chunk-threads.ts';

declare const self: Worker;

let maker: ChunkMaker | null = null;
let today: ShopDay | null = null;

self.addEventListener('message', ({ data }: MessageEvent<ToThread>) => {
  if (data.kind === 'setup') {
    maker = new ChunkMaker(data.setup);
  } else if (data.kind === 'day') {
    today = data.day;
    maker?.open(today);
  } else if (maker && today) {
    const made = maker.make(today, data.chunk);
    self.postMessage(made, [made.bytes.buffer]);
  }
});
