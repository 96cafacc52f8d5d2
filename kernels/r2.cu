// What R² adds up over batches, in double: the batch by two passes, merged into the sums of those before (Chan, Golub
// and LeVeque, 1979).  Σ t² - (Σ t)² / n would cancel.
#include "reduce.cuh"
#include "storage.cuh"

constexpr int THREADS = 256;
constexpr double TINY = 2.2250738585072014e-308;  // the least normal number

__device__ __forceinline__ int widened(int x) { return x; }
__device__ __forceinline__ long long widened(long long x) { return x; }

// Block b has column b; its thread i the samples i, i + THREADS, …
// The rows of sums are n = Σ w, the mean m of the target, Σ w (t - m)² and Σ w (x - t)², of all batches so far.
// x, target (batch, columns); weight (batch,), or null for ones; sums (4, columns).
// Instances: r2_add<float, float | int | long long, float>, r2_add<double, double | long long, double>,
//  r2_add<__half, __half, __half>, r2_add<__nv_bfloat16, __nv_bfloat16, __nv_bfloat16>
template <class T, class Target, class Weight>
__global__ void __launch_bounds__(THREADS) r2_add(
    const T* __restrict__ x, const Target* __restrict__ target, const Weight* __restrict__ weight,
    double* __restrict__ sums, long long batch, long long columns) {
    const long long column = blockIdx.x;
    double count = 0, whole = 0, error = 0, spread = 0;
    for (long long i = threadIdx.x; i < batch; i += THREADS) {
        const double t = double(widened(target[i * columns + column]));
        const double w = weight ? double(widened(weight[i])) : 1.0, off = double(widened(x[i * columns + column])) - t;
        count += w;
        whole += w * t;
        error += w * off * off;
    }
    count = team_sum<THREADS>(count);
    const double mean = team_sum<THREADS>(whole) / fmax(count, TINY);
    error = team_sum<THREADS>(error);
#pragma unroll 2  // four at a time need more registers than there are, for double on sm_120
    for (long long i = threadIdx.x; i < batch; i += THREADS) {
        const double off = double(widened(target[i * columns + column])) - mean;
        spread += (weight ? double(widened(weight[i])) : 1.0) * off * off;
    }
    spread = team_sum<THREADS>(spread);
    if (threadIdx.x != 0) return;
    const double before = sums[column], shift = mean - sums[columns + column];
    const double share = count / fmax(before + count, TINY);
    sums[column] = before + count;
    sums[columns + column] += shift * share;
    sums[2 * columns + column] += spread + shift * shift * (before * share);
    sums[3 * columns + column] += error;
}
