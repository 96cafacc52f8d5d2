// Noise upon elements: draw and sum, or draw and product, in one launch.
//
// Both kernels: thread i of the grid has elements 4i .. 4i + 3 of n, the four words of counter i.
#include "fours.cuh"
#include "grid.cuh"
#include "normal.cuh"

constexpr int THREADS = 256;

// y = x + std z with z ~ N(0, 1).
template <class T>
__global__ void __launch_bounds__(THREADS)
    noise_plus(const T* __restrict__ x, T* __restrict__ y, long long n, const unsigned long long* __restrict__ seed,
               unsigned long long seed_number, const unsigned long long* __restrict__ step,
               unsigned long long step_number, unsigned node, accumulator<T> std) {
    using A = accumulator<T>;
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    Four<T> elements = load_four(x, 4 * i, n);
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    const Vector<A, 4> normal = normal_four<A>(words);
#pragma unroll
    for (int k = 0; k < 4; ++k) elements.at[k] = stored<T>(widened(elements.at[k]) + std * normal.at[k]);
    store_four(y, 4 * i, n, elements);
}

// y = x (1 + std z) with z ~ N(0, 1).
template <class T>
__global__ void __launch_bounds__(THREADS)
    noise_times(const T* __restrict__ x, T* __restrict__ y, long long n, const unsigned long long* __restrict__ seed,
                unsigned long long seed_number, const unsigned long long* __restrict__ step,
                unsigned long long step_number, unsigned node, accumulator<T> std) {
    using A = accumulator<T>;
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    Four<T> elements = load_four(x, 4 * i, n);
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    const Vector<A, 4> normal = normal_four<A>(words);
#pragma unroll
    for (int k = 0; k < 4; ++k) elements.at[k] = stored<T>(widened(elements.at[k]) * (1 + std * normal.at[k]));
    store_four(y, 4 * i, n, elements);
}
