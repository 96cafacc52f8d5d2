// Arrays of random numbers: the functions of fusegrad/backend/random.py.
//
// Every kernel: thread i of the grid draws the four words of counter i, and writes elements 4i .. 4i + 3 of n.
// seed and step are read on the device, so that a captured launch draws anew at every step; where their pointers are
// null, the numbers beside them count.
#include "fours.cuh"
#include "grid.cuh"
#include "philox.cuh"

constexpr int THREADS = 256;

// (top 23 bits + 1/2) / 2**23, exact in float: never 0 and never 1.
template <class A> __device__ __forceinline__ A unit(unsigned word) {
    return (static_cast<A>(word >> 9) + A(0.5)) * A(1.0 / 8388608);
}

// sin πx and cos πx: without a product with π that would round, and without code for large angles.
__device__ __forceinline__ void sine_and_cosine(float x, float& sine, float& cosine) { sincospif(x, &sine, &cosine); }
__device__ __forceinline__ void sine_and_cosine(double x, double& sine, double& cosine) { sincospi(x, &sine, &cosine); }

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

// out[2i], out[2i + 1] = mean + std sqrt(-2 ln u) (cos 2πv, sin 2πv) with u, v = unit(words 2i and 2i + 1).
// The logarithm is the exact one: its fast version loses all digits near u = 1.
template <class T>
__global__ void __launch_bounds__(THREADS)
    random_normal(T* __restrict__ out, long long n, const unsigned long long* __restrict__ seed,
                  unsigned long long seed_number, const unsigned long long* __restrict__ step,
                  unsigned long long step_number, unsigned node, accumulator<T> mean, accumulator<T> std) {
    using A = accumulator<T>;
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    Four<T> four;
#pragma unroll
    for (int pair = 0; pair < 4; pair += 2) {
        const A radius = sqrt(A(-2) * log(unit<A>(words.at[pair])));
        A sine, cosine;
        sine_and_cosine(2 * unit<A>(words.at[pair + 1]), sine, cosine);
        four.at[pair] = stored<T>(mean + std * (radius * cosine));
        four.at[pair + 1] = stored<T>(mean + std * (radius * sine));
    }
    store_four(out, 4 * i, n, four);
}
