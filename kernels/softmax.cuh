// Softmax of a row that is read once: a maximum and a sum that is rescaled whenever the maximum grows.
#pragma once
#include "teams.cuh"

// softmax(x) = exp(x - peak) / sum.
template <class A> struct Softmax {
    A peak;
    A sum;
};

// Below all finite numbers but not -infinity, so that -inf - lowest is no NaN: logits of -inf get probability 0.
template <class A> __device__ __forceinline__ A lowest();
template <> __device__ __forceinline__ float lowest<float>() { return -3.402823466e38f; }
template <> __device__ __forceinline__ double lowest<double>() { return -1.7976931348623157e308; }

// All threads of the team call this together, and all get the result (Milakov and Gimelshein, 2018, arXiv:1805.02867).
// A NaN in the row makes the sum NaN, and so does +inf, as inf - inf does in the formula.
template <int TEAM, class T>
__device__ __forceinline__ Softmax<accumulator<T>> softmax_of(const T* row, int width) {
    using A = accumulator<T>;
    A peak = lowest<A>(), sum = 0;
    each<TEAM>(row, width, [&](A x) {
        const A smaller = exp(-fabs(x - peak));  // one of the two numbers is the new peak, whose own term is 1
        sum = x > peak ? sum * smaller + 1 : sum + smaller;
        peak = x > peak ? x : peak;
    });
    const A highest = team_max<TEAM>(peak);
    return {highest, team_sum<TEAM>(sum * exp(peak - highest))};
}
