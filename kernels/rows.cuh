// What normalises rows, each by a team of TEAM threads, and adds up gradients over all rows of a team.
// Of a row (width,) lane l has the N neighbours from (l + k · TEAM) · N on, for every k, and no others: what it puts
// into shared memory only it takes out again, so that no barrier is needed.
#pragma once
#include "reduce.cuh"
#include "storage.cuh"

constexpr int THREADS = 256;

// a + b, rounded.
template <class T, int N> __device__ __forceinline__ Vector<T, N> sum_of(const Vector<T, N>& a, const Vector<T, N>& b) {
    Vector<T, N> sum;
#pragma unroll
    for (int k = 0; k < N; ++k) sum.at[k] = stored<T>(widened(a.at[k]) + widened(b.at[k]));
    return sum;
}

// Reads the row at `offset` of x + residual, or of x without a residual, for the first time: the sum goes to total, the
// row to `kept` unless that is null, and see(element) is called for each element of this lane.  Returns where to read
// the row again.  Not from x: backward has the total as it was rounded, and has to come to the same normalised numbers.
template <int TEAM, int N, class T, class See>
__device__ __forceinline__ const T* read_row(
    const T* x, const T* residual, T* total, T* kept, long long offset, int lane, int width, See see) {
#pragma unroll 1
    for (int i = lane * N; i < width; i += TEAM * N) {
        Vector<T, N> elements = load<N>(x + offset + i);
        if (residual) {
            elements = sum_of(elements, load<N>(residual + offset + i));
            store<N>(total + offset + i, elements);
        }
        if (kept) store<N>(kept + i, elements);
#pragma unroll
        for (int k = 0; k < N; ++k) see(widened(elements.at[k]));
    }
    return kept ? kept : (residual ? total : x) + offset;
}

// y = elements, or y += elements.
template <class T, int N>
__device__ __forceinline__ void put(T* y, const Vector<accumulator<T>, N>& elements, bool add) {
    Vector<T, N> rounded;
    if (add) rounded = load<N>(y);
#pragma unroll
    for (int k = 0; k < N; ++k) {
        rounded.at[k] = stored<T>(add ? widened(rounded.at[k]) + elements.at[k] : elements.at[k]);
    }
    store<N>(y, rounded);
}

// sums += terms.
template <class A, int N> __device__ __forceinline__ void add_to(A* sums, const Vector<A, N>& terms) {
    Vector<A, N> sum = load<N>(sums);
#pragma unroll
    for (int k = 0; k < N; ++k) sum.at[k] += terms.at[k];
    store<N>(sums, sum);
}

// Where a lane keeps the sums over all rows that its team handles: `kept` in shared memory, or else its part of global
// memory, which it ends up in either way; null where nobody needs them.  Begins with zeros.
template <int TEAM, int N, class A>
__device__ __forceinline__ A* begin_sums(A* kept, A* part, int lane, int width) {
    A* sums = part && kept ? kept : part;
    if (!sums) return sums;
    const Vector<A, N> zeros = {};
#pragma unroll 1
    for (int i = lane * N; i < width; i += TEAM * N) store<N>(sums + i, zeros);
    return sums;
}

template <int TEAM, int N, class A>
__device__ __forceinline__ void end_sums(const A* sums, A* part, int lane, int width) {
    if (sums == part) return;
#pragma unroll 1
    for (int i = lane * N; i < width; i += TEAM * N) store<N>(part + i, load<N>(sums + i));
}
