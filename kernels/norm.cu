// The global norm of several arrays, the scale that clips it (Pascanu et al., 2013, arXiv:1211.5063), and the ratio of
// two norms.
#include "grid.cuh"
#include "reduce.cuh"
#include "stretches.cuh"

constexpr int THREADS = 256;

// parts[first + block] = the sum of the squares of the elements of x (size,) that the block reads.  All threads of the
// grid go through x together, 16 bytes each.  In double, in which the squares of large floats do not overflow.
template <class T>
__global__ void __launch_bounds__(THREADS) norm_squares(
    const T* __restrict__ x, double* __restrict__ parts, long long size, int first) {
    double sum = 0;
    see_row(x, size, thread_of_grid(), threads_of_grid(), [&](double element) { sum += element * element; });
    sum = team_sum<THREADS>(sum);
    if (threadIdx.x == 0) parts[first + blockIdx.x] = sum;
}

// scale *= limit / max(norm · scale, limit), norm = sqrt(Σ parts), for scale () and parts (count,): one block, whose
// threads share the sum.  What is not a number stays none.
template <class T>
__global__ void __launch_bounds__(THREADS) norm_clip(
    const double* __restrict__ parts, T* __restrict__ scale, int count, double limit) {
    const double sum = sum_by_block<THREADS>(parts, count);
    if (threadIdx.x != 0) return;
    const double before = widened(*scale);
    *scale = stored<T>(static_cast<accumulator<T>>(before * (limit / Max()(sqrt(sum) * before, limit))));
}

// ratio = sqrt(Σ values / Σ directions), or 1 where one of the sums is 0, for ratio (), values (value_count,) and
// directions (direction_count,), which are partial sums of squares: one block, whose threads share both sums.
// The ratio is also 1 where a sum is no number, which is not above 0.
template <class T>
__global__ void __launch_bounds__(THREADS) norm_ratio(
    const double* __restrict__ values, const double* __restrict__ directions, T* __restrict__ ratio, int value_count,
    int direction_count) {
    const double size = sum_by_block<THREADS>(values, value_count);
    const double length = sum_by_block<THREADS>(directions, direction_count);
    if (threadIdx.x != 0) return;
    const double quotient = size > 0 && length > 0 ? sqrt(size) / sqrt(length) : 1.0;
    *ratio = stored<T>(static_cast<accumulator<T>>(quotient));
}
