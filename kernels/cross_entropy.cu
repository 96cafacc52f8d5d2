// Softmax and cross-entropy in one: probabilities and loss of each row of logits, and the gradient of their mean.
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
    const T* class_weight;  // (width,), or null
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
                if (class_weight) goal.label_weight = widened(class_weight[label]);
            }
        }
        return goal;
    }

    // Whether `goals` can take as many of a row as lie at one address of 16 bytes in an array of T.
    __device__ __forceinline__ bool lie_like(const T* x) const {
        return is_label<Target> || sizeof(Target) != sizeof(T) || alike(target, x);
    }

    // goal_j for a stretch of a row, without what the label adds.
    template <int N> __device__ __forceinline__ Vector<A, N> goals(long long row, Stretch<N, int> at) const {
        Vector<A, N> goals;
        if constexpr (is_label<Target>) {
#pragma unroll
            for (int k = 0; k < N; ++k) goals.at[k] = spread;
        } else {
            const Target* shares = target + row * width;
            Vector<Target, N> values;
            if constexpr (sizeof(Target) == sizeof(T)) {
                values = load(shares, at);
            } else {
#pragma unroll
                for (int k = 0; k < N; ++k) values.at[k] = shares[at.begin() + k];
            }
#pragma unroll
            for (int k = 0; k < N; ++k) goals.at[k] = A(widened(values.at[k])) * kept + spread;
        }
        if (class_weight) {
#pragma unroll
            for (int k = 0; k < N; ++k) goals.at[k] *= widened(class_weight[at.begin() + k]);
        }
        return goals;
    }
};

// One team of TEAM threads per row, for the rows that teams.cuh tells; block b writes numerators[b] and totals[b].
// probability = softmax(x); numerators and totals = partial sums of w loss and w c[label].
// x, probability (rows, width); numerators, totals (blocks,).
// DENSE: goals beside the label, from distributions or smoothing; only then every goal is looked at.
// Instances: cross_entropy_forward<float, int | long long, float, false | true, 32 | 256 | 512>,
//  cross_entropy_forward<float, float, float, true, 32 | 256 | 512>,
//  cross_entropy_forward<double, long long, double, false, 32>,
//  cross_entropy_forward<double, double, double, true, 256 | 512>,
//  cross_entropy_forward<__half, long long, __half, false, 32>,
//  cross_entropy_forward<__half, __half, __half, true, 512>,
//  cross_entropy_forward<__nv_bfloat16, int, float, false, 256>,
//  cross_entropy_forward<__nv_bfloat16, float, float, true, 32>
template <class T, class Target, class Weight, bool DENSE, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>) cross_entropy_forward(
    const T* __restrict__ x, const Target* __restrict__ target, const Weight* __restrict__ weight,
    const T* __restrict__ class_weight, accumulator<T> kept, accumulator<T> spread, long long ignored,
    T* __restrict__ probability, accumulator<T>* __restrict__ numerators, accumulator<T>* __restrict__ totals, int rows,
    int width) {
    using A = accumulator<T>;
    const Targets<T, Target, Weight> targets = {target, weight, class_weight, kept, spread, ignored, width};
    const int thread = threadIdx.x % TEAM;
    const bool aligned = alike(x, probability) && targets.lie_like(x);
    A numerator = 0, total = 0;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const T* logits = x + row * width;
        T* out = probability + row * width;
        const Softmax<A> softmax = softmax_of<TEAM>(logits, width);
        const A scale = 1 / softmax.sum;
        A goals = 0, costs = 0;  // Σ goal and Σ goal (x - peak)
        if constexpr (DENSE) {
            visit_row(logits, aligned, width, thread, TEAM, [&](auto at) {
                constexpr int N = decltype(at)::size;
                const Vector<T, N> values = load(logits, at);
                const Vector<A, N> parts = targets.goals(row, at);
                Vector<T, N> results;
#pragma unroll
                for (int k = 0; k < N; ++k) {
                    const A shifted = widened(values.at[k]) - softmax.peak;
                    goals += parts.at[k];
                    costs += parts.at[k] * shifted;
                    results.at[k] = stored<T>(exp(shifted) * scale);
                }
                store(out, at, results);
            });
            goals = team_sum<TEAM>(goals);
            costs = team_sum<TEAM>(costs);
        } else {
            map<TEAM>(logits, out, width, [&](A logit) { return exp(logit - softmax.peak) * scale; });
        }
        const Goal<A> goal = targets.goal(row);
        if (goal.label >= 0) {
            goals += kept * goal.label_weight;
            costs += kept * goal.label_weight * (widened(logits[goal.label]) - softmax.peak);
        }
        // Apart until here: the sum of logit and log would lose the digits of a small loss beside large logits.
        numerator += goal.weight * (log(softmax.sum) * goals - costs);
        total += goal.weight * goal.label_weight;
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
//  cross_entropy_totals<__half, int, __half>, cross_entropy_totals<__nv_bfloat16, unsigned char, float>
template <class T, class Target, class Weight>
__global__ void __launch_bounds__(256) cross_entropy_totals(
    const Target* __restrict__ target, const Weight* __restrict__ weight, const T* __restrict__ class_weight,
    long long ignored, accumulator<T>* __restrict__ totals, int rows, int width) {
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
// dx = (p Σ goal - goal) dy w / Σ w c[label].  dx may be the memory of probability: who reads an element writes it.
// dy (); probability, dx (rows, width); totals (parts,), or null where every row counts 1.
// Instances: cross_entropy_backward<float, int | long long, float, false | true, 32 | 256 | 512>,
//  cross_entropy_backward<float, float, float, true, 32 | 256 | 512>,
//  cross_entropy_backward<double, long long, double, false, 32>,
//  cross_entropy_backward<double, double, double, true, 256 | 512>,
//  cross_entropy_backward<__half, long long, __half, false, 32>,
//  cross_entropy_backward<__half, __half, __half, true, 512>,
//  cross_entropy_backward<__nv_bfloat16, int, float, false, 256>,
//  cross_entropy_backward<__nv_bfloat16, float, float, true, 32>
template <class T, class Target, class Weight, bool DENSE, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>) cross_entropy_backward(
    const T* __restrict__ dy, const T* probability, const Target* __restrict__ target,
    const Weight* __restrict__ weight, const T* __restrict__ class_weight, accumulator<T> kept, accumulator<T> spread,
    long long ignored, const accumulator<T>* __restrict__ totals, int parts, T* dx, int rows, int width) {
    using A = accumulator<T>;
    const Targets<T, Target, Weight> targets = {target, weight, class_weight, kept, spread, ignored, width};
    const bool aligned = alike(probability, dx) && targets.lie_like(probability);
    const int thread = threadIdx.x % TEAM;
    A total = rows;
    if (totals) total = sum_by_block<THREADS<TEAM>>(totals, parts);
    const A slope = total == 0 ? A(0) : widened(*dy) / total;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const Goal<A> goal = targets.goal(row);
        const A scale = slope * goal.weight, picked = kept * goal.label_weight;
        A goals = 0;
        if constexpr (DENSE) {
            A own = 0;
            const T* stretches = probability + row * width;  // whose addresses say which goals this thread has
            visit_row(stretches, aligned, width, thread, TEAM, [&](auto at) {
                constexpr int N = decltype(at)::size;
                const Vector<A, N> values = targets.goals(row, at);
#pragma unroll
                for (int k = 0; k < N; ++k) own += values.at[k];
            });
            goals = team_sum<TEAM>(own);
        }
        if (is_label<Target>) goals += picked;
        visit_row(probability + row * width, aligned, width, thread, TEAM, [&](auto at) {
            constexpr int N = decltype(at)::size;
            const Vector<T, N> values = load(probability + row * width, at);
            Vector<A, N> parts = {};
            if constexpr (DENSE) parts = targets.goals(row, at);
            Vector<T, N> results;
#pragma unroll
            for (int k = 0; k < N; ++k) {
                const A own = at.begin() + k == goal.label ? parts.at[k] + picked : parts.at[k];
                results.at[k] = stored<T>((widened(values.at[k]) * goals - own) * scale);
            }
            store(dx + row * width, at, results);
        });
    }
}
