// Four numbers from N(0, 1) for four random words (Box and Muller, 1958).
#pragma once
#include "philox.cuh"
#include "storage.cuh"

// (top 23 bits + 1/2) / 2**23, exact in float: never 0 and never 1.
template <class A> __device__ __forceinline__ A unit(unsigned word) {
    return (static_cast<A>(word >> 9) + A(0.5)) * A(1.0 / 8388608);
}

// sin πx and cos πx: without a product with π that would round, and without code for large angles.
__device__ __forceinline__ void sine_and_cosine(float x, float& sine, float& cosine) { sincospif(x, &sine, &cosine); }
__device__ __forceinline__ void sine_and_cosine(double x, double& sine, double& cosine) { sincospi(x, &sine, &cosine); }

// Numbers 2i and 2i + 1 are sqrt(-2 ln u) (cos 2πv, sin 2πv) with u, v = unit(words 2i and 2i + 1).
// The logarithm is the exact one: its fast version loses all digits near u = 1.
template <class A> __device__ __forceinline__ Vector<A, 4> normal_four(const Words& words) {
    Vector<A, 4> four;
#pragma unroll
    for (int pair = 0; pair < 4; pair += 2) {
        const A radius = sqrt(A(-2) * log(unit<A>(words.at[pair])));
        A sine, cosine;
        sine_and_cosine(2 * unit<A>(words.at[pair + 1]), sine, cosine);
        four.at[pair] = radius * cosine;
        four.at[pair + 1] = radius * sine;
    }
    return four;
}
