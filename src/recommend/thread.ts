import { KERNELS } from './kernels.ts';
import { serve } from '../base/thread-pool-side.ts';

serve(KERNELS);
