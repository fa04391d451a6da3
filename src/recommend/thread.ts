import { KERNELS } from './kernels.ts';
import { serve } from './pool-thread.ts';

serve(KERNELS);
