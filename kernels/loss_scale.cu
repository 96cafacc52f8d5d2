// The factor of a loss that keeps gradients in the range of float16 (Micikevicius et al., 2018, arXiv:1710.03740).  It
// is adapted, and decides whether a step is taken, on the device, so that the host need not wait for the gradients.
#include "grid.cuh"
#include "reduce.cuh"
#include "stretches.cuh"

constexpr int THREADS = 256;

// flaws[first + block] = 1 if an element of x (size,) that the block reads is infinite or not a number, else 0.  All
// threads of the grid go through x together, 16 bytes each.
template <class T>
__global__ void __launch_bounds__(THREADS) loss_scale_flaws(
    const T* __restrict__ x, int* __restrict__ flaws, long long size, int first) {
    int flaw = 0;
    // x - x is 0 for what is finite, else not a number, which is equal to nothing.
    see_row(x, size, thread_of_grid(), threads_of_grid(), [&](auto element) { flaw |= !(element - element == 0); });
    flaw = team_max<THREADS>(flaw);
    if (threadIdx.x == 0) flaws[first + blockIdx.x] = flaw;
}

// scale /= factor, and the next state, for flaws (count,), state (4,) = (factor, good steps, skipped steps, whether to
// take this step) and scale (): one block, whose threads share the flags; the first of them does the rest.
__global__ void __launch_bounds__(THREADS) loss_scale_adapt(
    const int* __restrict__ flaws, float* __restrict__ state, float* __restrict__ scale, int count,
    float growth_interval, float growth, float backoff, float least, float most) {
    const bool finite = sum_by_block<THREADS>(flaws, count) == 0;
    if (threadIdx.x != 0) return;
    const float factor = state[0], good = state[1] + 1;
    const bool grows = finite && good >= growth_interval;
    *scale /= factor;
    state[0] = grows ? fminf(factor * growth, most) : finite ? factor : fmaxf(factor * backoff, least);
    state[1] = finite && !grows ? good : 0.0f;
    state[2] += finite ? 0.0f : 1.0f;
    state[3] = finite ? 1.0f : 0.0f;
}
