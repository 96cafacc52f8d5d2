// Four neighbouring elements for one thread: one access where they are all there and aligned, one by one at the edges.
#pragma once
#include "storage.cuh"

template <class T> using Four = Vector<T, 4>;

// Elements first .. first + 3 of n, where first is a multiple of four; those beyond the end have no value.
template <class T> __device__ __forceinline__ Four<T> load_four(const T* array, long long first, long long n) {
    if (first + 4 <= n && is_aligned<4>(array)) return load<4>(array + first);
    Four<T> four = {};
#pragma unroll
    for (int k = 0; k < 4; ++k)
        if (first + k < n) four.at[k] = array[first + k];
    return four;
}

template <class T> __device__ __forceinline__ void store_four(T* array, long long first, long long n, Four<T> four) {
    if (first + 4 <= n && is_aligned<4>(array)) {
        store<4>(array + first, four);
        return;
    }
#pragma unroll
    for (int k = 0; k < 4; ++k)
        if (first + k < n) array[first + k] = four.at[k];
}
