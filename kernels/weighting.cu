// The mean over a batch in which every sample has a weight, and what that mean makes of a gradient.
// Sums take two launches, so that long ones fill the device: blocks add up what is theirs, then a block adds up those.
#include "grid.cuh"
#include "reduce.cuh"
#include "stretches.cuh"

constexpr int THREADS = 256;

// Thread i has the elements i, i + all threads, …, in vectors of 16 bytes; block b writes sums[b].
// sums = partial sums of x.  x (size,); sums (blocks,).
template <class T>
__global__ void __launch_bounds__(THREADS)
    weighting_sums(const T* __restrict__ x, accumulator<T>* __restrict__ sums, long long size) {
    accumulator<T> own = 0;
    see_row(x, size, thread_of_grid(), threads_of_grid(), [&](accumulator<T> element) { own += element; });
    own = team_sum<THREADS>(own);
    if (threadIdx.x == 0) sums[blockIdx.x] = own;
}

// Thread i has the vectors i, i + all threads, …, of N elements of one sample, and counts the sample and the place in
// it along, without a division for each.
// numerators = partial sums of w losses, totals = those of w.  losses (batch, inner); weight (batch,); sums (blocks,).
// Instances: weighting_weighted_sums<float, float, 1 | 4>, weighting_weighted_sums<float, double, 1>,
//  weighting_weighted_sums<double, double, 1 | 2>, weighting_weighted_sums<__half, __half, 1 | 8>,
//  weighting_weighted_sums<__nv_bfloat16, float, 1 | 8>
template <class T, class Weight, int N>
__global__ void __launch_bounds__(THREADS) weighting_weighted_sums(
    const T* __restrict__ losses, const Weight* __restrict__ weight, accumulator<T>* __restrict__ numerators,
    accumulator<T>* __restrict__ totals, long long batch, long long inner) {
    using A = accumulator<T>;
    A numerator = 0, total = 0;
    const long long width = inner / N;  // of a sample, in vectors
    const long long samples = threads_of_grid() / width, beyond = threads_of_grid() % width;  // of a step
    long long sample = thread_of_grid() / width, within = thread_of_grid() % width;
    while (sample < batch) {
        const Vector<T, N> values = load<N>(losses + (sample * width + within) * N);
        const A w = A(widened(weight[sample]));
#pragma unroll
        for (int k = 0; k < N; ++k) numerator += w * widened(values.at[k]);
        if (within == 0) total += w;  // once for each sample
        sample += samples;
        within += beyond;
        if (within >= width) {
            within -= width;
            ++sample;
        }
    }
    numerator = team_sum<THREADS>(numerator);
    total = team_sum<THREADS>(total);
    if (threadIdx.x == 0) {
        numerators[blockIdx.x] = numerator;
        totals[blockIdx.x] = total;
    }
}

// One block; thread i adds up the numbers i, i + THREADS, …
// y = Σ numerators / (count Σ totals), and 0 where the totals are 0; without totals their sum is 1.
// numerators, totals (parts,); y ().
template <class T>
__global__ void __launch_bounds__(THREADS) weighting_mean(
    const accumulator<T>* __restrict__ numerators, const accumulator<T>* __restrict__ totals, int parts,
    accumulator<T> count, T* __restrict__ y) {
    using A = accumulator<T>;
    const A numerator = sum_by_block<THREADS>(numerators, parts);
    const A total = totals ? sum_by_block<THREADS>(totals, parts) : A(1);
    if (threadIdx.x == 0) *y = stored<T>(total == 0 ? A(0) : numerator / (count * total));
}

// Thread i has the samples i, i + all threads, …; every block adds up all parts by itself.
// factor = dy w share / Σ totals, and 0 where the totals are 0.  totals (parts,); weight, factor (batch,); dy ().
// Instances: weighting_factor<float, float | double>, weighting_factor<double, double>,
//  weighting_factor<__half, __half>, weighting_factor<__nv_bfloat16, float>
template <class T, class Weight>
__global__ void __launch_bounds__(THREADS) weighting_factor(
    const Weight* __restrict__ weight, const T* __restrict__ dy, const accumulator<Weight>* __restrict__ totals,
    int parts, accumulator<T> share, T* __restrict__ factor, long long batch) {
    using A = accumulator<T>;
    const A total = A(sum_by_block<THREADS>(totals, parts));
    const A scale = total == 0 ? A(0) : widened(*dy) * share / total;
    for (long long i = thread_of_grid(); i < batch; i += threads_of_grid())
        factor[i] = stored<T>(A(widened(weight[i])) * scale);
}
