// Arrays of random numbers: the functions of fusegrad/backend/random.py.
//
// Every kernel: thread i of the grid draws the four words of counter i, and writes elements 4i .. 4i + 3 of n.
// seed and step are read on the device, so that a captured launch draws anew at every step; where their pointers are
// null, the numbers beside them count.
#include "fours.cuh"
#include "grid.cuh"
#include "normal.cuh"

constexpr int THREADS = 256;

// out[i] = word i.
__global__ void __launch_bounds__(THREADS)
    random_bits(unsigned* __restrict__ out, long long n, const unsigned long long* __restrict__ seed,
                unsigned long long seed_number, const unsigned long long* __restrict__ step,
                unsigned long long step_number, unsigned node) {
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    Four<unsigned> four;
#pragma unroll
    for (int k = 0; k < 4; ++k) four.at[k] = words.at[k];
    store_four(out, 4 * i, n, four);
}

// mask[i] = word i >= threshold.
// Instances: random_keep<unsigned char | bool>
template <class Mask>
__global__ void __launch_bounds__(THREADS)
    random_keep(Mask* __restrict__ mask, long long n, const unsigned long long* __restrict__ seed,
                unsigned long long seed_number, const unsigned long long* __restrict__ step,
                unsigned long long step_number, unsigned node, unsigned threshold) {
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    Four<Mask> four;
#pragma unroll
    for (int k = 0; k < 4; ++k) four.at[k] = words.at[k] >= threshold;
    store_four(mask, 4 * i, n, four);
}

// out[i] = unit(word i).
// Instances: random_uniform<float | double>
template <class Real>
__global__ void __launch_bounds__(THREADS)
    random_uniform(Real* __restrict__ out, long long n, const unsigned long long* __restrict__ seed,
                   unsigned long long seed_number, const unsigned long long* __restrict__ step,
                   unsigned long long step_number, unsigned node) {
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    Four<Real> four;
#pragma unroll
    for (int k = 0; k < 4; ++k) four.at[k] = unit<Real>(words.at[k]);
    store_four(out, 4 * i, n, four);
}

// out = mean + std z with z ~ N(0, 1), by normal_four.
template <class T>
__global__ void __launch_bounds__(THREADS)
    random_normal(T* __restrict__ out, long long n, const unsigned long long* __restrict__ seed,
                  unsigned long long seed_number, const unsigned long long* __restrict__ step,
                  unsigned long long step_number, unsigned node, accumulator<T> mean, accumulator<T> std) {
    using A = accumulator<T>;
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    const Vector<A, 4> normal = normal_four<A>(words);
    Four<T> four;
#pragma unroll
    for (int k = 0; k < 4; ++k) four.at[k] = stored<T>(mean + std * normal.at[k]);
    store_four(out, 4 * i, n, four);
}
