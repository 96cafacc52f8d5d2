// What metrics add up over batches, in double and in a fixed order: Σ w score and Σ w, where the score of a sample is the
// mean over its elements.  Blocks add up what is theirs, then one block adds their sums to those of the batches before.
#include "grid.cuh"
#include "teams.cuh"

constexpr int BLOCK = 256;

__device__ __forceinline__ int widened(int x) { return x; }
__device__ __forceinline__ long long widened(long long x) { return x; }

// The scores of one element.
struct Sign {
    __device__ __forceinline__ double operator()(double logit, double target) const {
        return (logit > 0) == (target > 0.5);
    }
};
struct Distance {
    __device__ __forceinline__ double operator()(double x, double target) const { return fabs(x - target); }
};

// Whether a logit x precedes that of the label, `own`; `earlier` says whether it stands before that one in the row.
// Comparisons with NaN are false.  As argmax has it, the first of equal numbers is the largest, and NaN before all.
struct Largest {
    template <class A> __device__ __forceinline__ bool operator()(A x, A own, bool earlier) const {
        if (own != own) return earlier && x != x;
        return earlier ? !(x < own) : !(x <= own);
    }
};
struct AmongLargest {
    template <class A> __device__ __forceinline__ bool operator()(A x, A own, bool earlier) const { return !(x < own); }
};

// The sums of a block, from those of its threads.
template <int THREADS>
__device__ __forceinline__ void write_sums(
    double numerator, double total, double* __restrict__ numerators, double* __restrict__ totals) {
    numerator = team_sum<THREADS>(numerator);
    total = team_sum<THREADS>(total);
    if (threadIdx.x == 0) {
        numerators[blockIdx.x] = numerator;
        totals[blockIdx.x] = total;
    }
}

// Thread i has the elements i, i + all threads, …, and counts the sample and the place in it along, without a division
// for each; block b writes numerators[b] and totals[b].
// numerators = partial sums of w score(x, target), totals = those of w.
// x, target (batch, inner); weight (batch,), or null for ones; numerators, totals (blocks,).
// Instances: scoring_elements<float, float | int | long long, float, Sign | Distance>,
//  scoring_elements<double, double | int | long long, double, Sign | Distance>,
//  scoring_elements<__half, __half, __half, Sign | Distance>,
//  scoring_elements<__nv_bfloat16, __nv_bfloat16, __nv_bfloat16, Sign | Distance>
template <class T, class Target, class Weight, class Score>
__global__ void __launch_bounds__(BLOCK) scoring_elements(
    const T* __restrict__ x, const Target* __restrict__ target, const Weight* __restrict__ weight,
    double* __restrict__ numerators, double* __restrict__ totals, long long batch, long long inner) {
    double numerator = 0, total = 0;
    const long long samples = threads_of_grid() / inner, beyond = threads_of_grid() % inner;  // of a step
    long long sample = thread_of_grid() / inner, within = thread_of_grid() % inner;
    while (sample < batch) {
        const long long i = sample * inner + within;
        const double w = weight ? double(widened(weight[sample])) : 1.0;
        numerator += w * Score()(double(widened(x[i])), double(widened(target[i])));
        if (within == 0) total += w;  // once for each sample
        sample += samples;
        within += beyond;
        if (within >= inner) {
            within -= inner;
            ++sample;
        }
    }
    write_sums<BLOCK>(numerator, total, numerators, totals);
}

// The place of the largest number of a row, of the first one of equals, NaN being the largest; for all of the team.
template <int TEAM, class Target>
__device__ __forceinline__ long long first_largest(const Target* __restrict__ row, int width) {
    const int thread = threadIdx.x % TEAM;
    double peak = -double(__int_as_float(0x7f800000));  // infinity
    for (int j = thread; j < width; j += TEAM) peak = Max()(peak, double(widened(row[j])));
    peak = team_max<TEAM>(peak);
    int left = 0;  // how many numbers there are from the first of them on
    for (int j = thread; j < width; j += TEAM) {
        const double number = widened(row[j]);
        if (number == peak || (number != number && peak != peak)) left = left > width - j ? left : width - j;
    }
    return width - team_max<TEAM>(left);
}

// One team of TEAM threads per row, for the rows that teams.cuh tells; block b writes numerators[b] and totals[b].
// numerators = partial sums of w where less than k logits precede that of the label, totals = those of w.
// x (rows, width), of which a sample has `inner` rows; target (rows,) labels, or DENSE (rows, width); weight
// (samples,), or null for ones; numerators, totals (blocks,).  A label that is none of the classes is no hit.
// Instances: scoring_rows<float, int | long long, float, Largest | AmongLargest, false, 32 | 256 | 512>,
//  scoring_rows<float, float, float, Largest | AmongLargest, true, 32 | 256 | 512>,
//  scoring_rows<double, long long, double, Largest | AmongLargest, false, 32>,
//  scoring_rows<double, double, double, Largest | AmongLargest, true, 256>,
//  scoring_rows<__half, int, __half, Largest, false, 32>,
//  scoring_rows<__nv_bfloat16, __nv_bfloat16, __nv_bfloat16, AmongLargest, true, 512>
template <class T, class Target, class Weight, class Order, bool DENSE, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>) scoring_rows(
    const T* __restrict__ x, const Target* __restrict__ target, const Weight* __restrict__ weight,
    double* __restrict__ numerators, double* __restrict__ totals, int rows, int inner, int width, int k) {
    const int thread = threadIdx.x % TEAM;
    double numerator = 0, total = 0;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        long long label;
        if constexpr (DENSE) label = first_largest<TEAM>(target + row * width, width);
        else label = static_cast<long long>(target[row]);
        const bool known = label >= 0 && label < width;
        int preceding = 0;
        if (known) {
            const T* logits = x + row * width;
            const accumulator<T> own = widened(logits[label]);
            for (int j = thread; j < width; j += TEAM) {
                preceding += j != label && Order()(widened(logits[j]), own, j < label);
            }
        }
        preceding = team_sum<TEAM>(preceding);
        const int sample = static_cast<int>(row) / inner;
        const double w = weight ? double(widened(weight[sample])) : 1.0;
        if (known && preceding < k) numerator += w;
        if (row == static_cast<long long>(sample) * inner) total += w;  // once for each sample
    }
    write_sums<THREADS<TEAM>>(thread == 0 ? numerator : 0.0, thread == 0 ? total : 0.0, numerators, totals);
}

// One block; thread i adds up the numbers i, i + BLOCK, …
// sums[0] += Σ numerators / inner, sums[1] += Σ totals.  numerators, totals (parts,); sums (2,).
__global__ void __launch_bounds__(BLOCK) scoring_add(
    const double* __restrict__ numerators, const double* __restrict__ totals, int parts, double inner,
    double* __restrict__ sums) {
    const double numerator = sum_by_block<BLOCK>(numerators, parts);
    const double total = sum_by_block<BLOCK>(totals, parts);
    if (threadIdx.x == 0) {
        sums[0] += numerator / inner;
        sums[1] += total;
    }
}
