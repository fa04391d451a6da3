import { serve } from '../base/thread-pool-side.ts';
import { KERNELS } from './kernels.ts';

serve(KERNELS);
