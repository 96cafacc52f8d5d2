// Softmax of rows and its logarithm, with their gradients.  All arrays are rows by width.
#include "softmax.cuh"

// One team of TEAM threads per row, for the rows that teams.cuh tells.  y = x - peak - log Σ exp(x - peak).
// Instances: log_softmax_forward<float | double | __half | __nv_bfloat16, 32 | 256 | 512>
template <class T, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>)
    log_softmax_forward(const T* __restrict__ x, T* __restrict__ y, int rows, int width) {
    using A = accumulator<T>;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const long long at = row * width;
        const Softmax<A> softmax = softmax_of<TEAM>(x + at, width);
        const A log_sum = log(softmax.sum);
        map<TEAM>(x + at, y + at, width, [&](A logit) { return logit - softmax.peak - log_sum; });
    }
}

// Threads and rows as above.  dx = dy - exp(y) Σ dy.
// Instances: log_softmax_backward<float | double | __half | __nv_bfloat16, 32 | 256 | 512>
template <class T, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>)
    log_softmax_backward(const T* __restrict__ dy, const T* __restrict__ y, T* __restrict__ dx, int rows, int width) {
    using A = accumulator<T>;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const long long at = row * width;
        A own = 0;
        each<TEAM>(dy + at, width, [&](A slope) { own += slope; });
        const A sum = team_sum<TEAM>(own);
        map<TEAM>(dy + at, y + at, dx + at, width, [&](A slope, A result) { return slope - exp(result) * sum; });
    }
}

// Threads and rows as above.  y = exp(x - peak) / Σ exp(x - peak).
// Instances: softmax_forward<float | double | __half | __nv_bfloat16, 32 | 256 | 512>
template <class T, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>)
    softmax_forward(const T* __restrict__ x, T* __restrict__ y, int rows, int width) {
    using A = accumulator<T>;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const long long at = row * width;
        const Softmax<A> softmax = softmax_of<TEAM>(x + at, width);
        const A scale = 1 / softmax.sum;
        map<TEAM>(x + at, y + at, width, [&](A logit) { return exp(logit - softmax.peak) * scale; });
    }
}

// Threads and rows as above.  dx = y (dy - Σ y dy).
// Instances: softmax_backward<float | double | __half | __nv_bfloat16, 32 | 256 | 512>
template <class T, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, BLOCKS<T, TEAM>)
    softmax_backward(const T* __restrict__ dy, const T* __restrict__ y, T* __restrict__ dx, int rows, int width) {
    using A = accumulator<T>;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const long long at = row * width;
        A own = 0;
        each<TEAM>(dy + at, y + at, width, [&](A slope, A share) { own += slope * share; });
        const A sum = team_sum<TEAM>(own);
        map<TEAM>(dy + at, y + at, dx + at, width, [&](A slope, A share) { return share * (slope - sum); });
    }
}
