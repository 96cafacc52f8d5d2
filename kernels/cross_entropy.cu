// Softmax and cross-entropy in one: the loss of each row of logits, and the gradient of their mean.
//
// Of the softmax of a row two numbers are kept, its peak and the sum of exp(x - peak): from these and the logits,
// backward computes it anew.  One number, peak + log sum, would be rounded, and put p off by 4e-6 at a peak of 100.
//
// Targets are labels or distributions.  With w the weight of a row (0 where its label is `ignored`) and c the weights
// of classes, goal_j = c_j (kept t_j + spread), t being 1 at the label or the distribution.  The loss of a row is
// -Σ goal log p.  The mean is Σ w loss / Σ w c[label], without c[label] for distributions; 0 where that sum is 0.
// A label that is no class makes the mean NaN, and the gradient of its row.
#include "softmax.cuh"

template <class Target> constexpr bool is_label = true;
template <> constexpr bool is_label<float> = false;
template <> constexpr bool is_label<double> = false;
template <> constexpr bool is_label<__half> = false;
template <> constexpr bool is_label<__nv_bfloat16> = false;

// What the target says of one row.
template <class A> struct Goal {
    A weight;        // w
    A label_weight;  // c[label], 1 where the target is a distribution
    int label;       // -1 where the target is a distribution, or the row does not count
};

// The arrays and numbers that all kernels here read targets from.
template <class T, class Target, class Weight> struct Targets {
    using A = accumulator<T>;
    const Target* target;   // (rows,) labels, or (rows, width)
    const Weight* weight;   // (rows,), or null
    const A* class_weight;  // (width,), or null
    A kept, spread;
    long long ignored;
    int width;

    __device__ __forceinline__ Goal<A> goal(long long row) const {
        Goal<A> goal = {weight ? A(widened(weight[row])) : A(1), A(1), -1};
        if constexpr (is_label<Target>) {
            const long long label = static_cast<long long>(target[row]);
            if (label == ignored) {
                goal.weight = 0;
            } else if (label < 0 || label >= width) {
                goal.label_weight = A(__int_as_float(0x7fc00000));  // NaN
            } else {
                goal.label = int(label);
                if (class_weight) goal.label_weight = class_weight[label];
            }
        }
        return goal;
    }

    // Whether targets lie like x: where 16 bytes of x begin at a multiple of 16, as many targets begin at a multiple of
    // what they take.
    __device__ __forceinline__ bool lie_like(const T* x) const {
        constexpr int N = 16 / sizeof(T);
        const unsigned long long first = reinterpret_cast<unsigned long long>(x) / sizeof(T);
        return is_label<Target> || (reinterpret_cast<unsigned long long>(target) / sizeof(Target) - first) % N == 0;
    }

    // goal_j for a stretch of a row, without what the label adds.
    template <int N> __device__ __forceinline__ Vector<A, N> goals(long long row, Stretch<N, int> at) const {
        Vector<A, N> goals;
        if constexpr (is_label<Target>) {
#pragma unroll
            for (int k = 0; k < N; ++k) goals.at[k] = spread;
        } else {
            const Vector<Target, N> values = load(target + row * width, at);
#pragma unroll
            for (int k = 0; k < N; ++k) goals.at[k] = A(widened(values.at[k])) * kept + spread;
        }
        if (class_weight) {
#pragma unroll
            for (int k = 0; k < N; ++k) goals.at[k] *= class_weight[at.begin() + k];
        }
        return goals;
    }
};

// One team of TEAM threads per row, for the rows that teams.cuh tells; block b writes numerators[b] and totals[b].
// softmax(x) = exp(x - peak) / sum; numerators and totals = partial sums of w loss and w c[label].
// x (rows, width); peaks, sums (rows,); numerators, totals (blocks,).
// DENSE: goals beside the label, from distributions or smoothing; only then every goal is looked at.
// Instances: cross_entropy_forward<float, int | long long, float, false | true, 32 | 256 | 512>,
//  cross_entropy_forward<float, float, float, true, 32 | 256 | 512>,
//  cross_entropy_forward<double, long long, double, false, 32>,
//  cross_entropy_forward<double, double, double, true, 256 | 512>,
//  cross_entropy_forward<__half, long long, float, false | true, 32 | 512>,
//  cross_entropy_forward<__half, __half | float, float, true, 32>,
//  cross_entropy_forward<__nv_bfloat16, int | long long, float, false, 32 | 256>,
//  cross_entropy_forward<__nv_bfloat16, __nv_bfloat16 | float, float, true, 256>
template <class T, class Target, class Weight, bool DENSE, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>) cross_entropy_forward(
    const T* __restrict__ x, const Target* __restrict__ target, const Weight* __restrict__ weight,
    const accumulator<T>* __restrict__ class_weight, accumulator<T> kept, accumulator<T> spread, long long ignored,
    accumulator<T>* __restrict__ peaks, accumulator<T>* __restrict__ sums, accumulator<T>* __restrict__ numerators,
    accumulator<T>* __restrict__ totals, int rows, int width) {
    using A = accumulator<T>;
    const Targets<T, Target, Weight> targets = {target, weight, class_weight, kept, spread, ignored, width};
    const int thread = threadIdx.x % TEAM;
    A numerator = 0, total = 0;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const T* logits = x + row * width;
        const Softmax<A> softmax = softmax_of<TEAM>(logits, width);
        A goals = 0, costs = 0;  // Σ goal and Σ goal (x - peak)
        if constexpr (DENSE) {
            visit_row(logits, targets.lie_like(x), width, thread, TEAM, [&](auto at) {
                constexpr int N = decltype(at)::size;
                const Vector<T, N> values = load(logits, at);
                const Vector<A, N> parts = targets.goals(row, at);
#pragma unroll
                for (int k = 0; k < N; ++k) {
                    goals += parts.at[k];
                    costs += parts.at[k] * (widened(values.at[k]) - softmax.peak);
                }
            });
            goals = team_sum<TEAM>(goals);
            costs = team_sum<TEAM>(costs);
        }
        const Goal<A> goal = targets.goal(row);
        if (goal.label >= 0) {
            goals += kept * goal.label_weight;
            costs += kept * goal.label_weight * (widened(logits[goal.label]) - softmax.peak);
        }
        // Apart until here: the sum of logit and log would lose the digits of a small loss beside large logits.
        numerator += goal.weight * (log(softmax.sum) * goals - costs);
        total += goal.weight * goal.label_weight;
        if (thread == 0) {
            peaks[row] = softmax.peak;
            sums[row] = softmax.sum;
        }
    }
    numerator = team_sum<THREADS<TEAM>>(thread == 0 ? numerator : A(0));
    total = team_sum<THREADS<TEAM>>(thread == 0 ? total : A(0));
    if (threadIdx.x == 0) {
        numerators[blockIdx.x] = numerator;
        totals[blockIdx.x] = total;
    }
}

// Thread i has the rows i, i + all threads, …; block b writes totals[b].
// totals = partial sums of w c[label].  totals (blocks,).
// Instances: cross_entropy_totals<float, long long | float, float>, cross_entropy_totals<double, long long, double>,
//  cross_entropy_totals<__half, int | __half, __half>, cross_entropy_totals<__nv_bfloat16, unsigned char, float>
template <class T, class Target, class Weight>
__global__ void __launch_bounds__(256) cross_entropy_totals(
    const Target* __restrict__ target, const Weight* __restrict__ weight,
    const accumulator<T>* __restrict__ class_weight, long long ignored, accumulator<T>* __restrict__ totals, int rows,
    int width) {
    using A = accumulator<T>;
    const Targets<T, Target, Weight> targets = {target, weight, class_weight, A(1), A(0), ignored, width};
    A total = 0;
    for (long long row = blockIdx.x * 256LL + threadIdx.x; row < rows; row += gridDim.x * 256LL) {
        const Goal<A> goal = targets.goal(row);
        total += goal.weight * goal.label_weight;
    }
    total = team_sum<256>(total);
    if (threadIdx.x == 0) totals[blockIdx.x] = total;
}

// Threads and rows as in cross_entropy_forward; every block adds up the partial totals by itself, `rows` without any.
// dx = (p Σ goal - goal) dy w / Σ w c[label], p = exp(x - peak) / sum.
// dy (); x, dx (rows, width); peaks, sums (rows,); totals (parts,), or null where every row counts 1.
// Instances: cross_entropy_backward<float, int | long long, float, false | true, 32 | 256 | 512>,
//  cross_entropy_backward<float, float, float, true, 32 | 256 | 512>,
//  cross_entropy_backward<double, long long, double, false, 32>,
//  cross_entropy_backward<double, double, double, true, 256 | 512>,
//  cross_entropy_backward<__half, long long, float, false | true, 32 | 512>,
//  cross_entropy_backward<__half, __half | float, float, true, 32>,
//  cross_entropy_backward<__nv_bfloat16, int | long long, float, false, 32 | 256>,
//  cross_entropy_backward<__nv_bfloat16, __nv_bfloat16 | float, float, true, 256>
template <class T, class Target, class Weight, bool DENSE, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>) cross_entropy_backward(
    const accumulator<T>* __restrict__ dy, const T* __restrict__ x, const Target* __restrict__ target,
    const Weight* __restrict__ weight, const accumulator<T>* __restrict__ class_weight, accumulator<T> kept,
    accumulator<T> spread, long long ignored, const accumulator<T>* __restrict__ peaks,
    const accumulator<T>* __restrict__ sums, const accumulator<T>* __restrict__ totals, int parts, T* __restrict__ dx,
    int rows, int width) {
    using A = accumulator<T>;
    const Targets<T, Target, Weight> targets = {target, weight, class_weight, kept, spread, ignored, width};
    const bool lie_alike = targets.lie_like(x), aligned = alike(x, dx) && lie_alike;
    const int thread = threadIdx.x % TEAM;
    A total = rows;
    if (totals) total = sum_by_block<THREADS<TEAM>>(totals, parts);
    const A slope = total == 0 ? A(0) : *dy / total;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const T* logits = x + row * width;
        const Goal<A> goal = targets.goal(row);
        const A factor = slope * goal.weight, picked = kept * goal.label_weight;
        A goals = 0;
        if constexpr (DENSE) {
            A own = 0;
            visit_row(logits, lie_alike, width, thread, TEAM, [&](auto at) {  // its addresses are all that is looked at
                constexpr int N = decltype(at)::size;
                const Vector<A, N> values = targets.goals(row, at);
#pragma unroll
                for (int k = 0; k < N; ++k) own += values.at[k];
            });
            goals = team_sum<TEAM>(own);
        }
        if (is_label<Target>) goals += picked;
        const A peak = peaks[row], scale = goals / sums[row];
        visit_row(logits, aligned, width, thread, TEAM, [&](auto at) {
            constexpr int N = decltype(at)::size;
            const Vector<T, N> values = load(logits, at);
            Vector<A, N> parts = {};
            if constexpr (DENSE) parts = targets.goals(row, at);
            Vector<T, N> results;
#pragma unroll
            for (int k = 0; k < N; ++k) {
                A own = parts.at[k];
                if (is_label<Target> && at.begin() + k == goal.label) own += picked;
                results.at[k] = stored<T>((exp(widened(values.at[k]) - peak) * scale - own) * factor);
            }
            store(dx + row * width, at, results);
        });
    }
}
