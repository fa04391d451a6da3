import { serve } from '../../base/thread-pool-side.ts';
import { KERNELS } from './worlds.ts';

serve(KERNELS);
