// The number of training passes, which lies on the device so that a captured step counts itself.

// step () += 1, by one thread: 64 bits, which the loops over elements, all of floating-point numbers, do not have.
__global__ void __launch_bounds__(1) counter_count(unsigned long long* step) { *step += 1; }
