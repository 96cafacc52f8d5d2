// Rows of any width that are shared by the threads of a team: a warp, of which a block then has several, or the block.
#pragma once
#include "reduce.cuh"
#include "stretches.cuh"

template <int TEAM> constexpr int THREADS = TEAM < 256 ? 256 : TEAM;  // of the block
template <int TEAM> constexpr int TEAMS = THREADS<TEAM> / TEAM;
// How many blocks a multiprocessor has room for at least: a thread has 64 registers, or 128 for double.
template <class T, int TEAM> constexpr int BLOCKS = (sizeof(T) == 8 ? 512 : 1024) / THREADS<TEAM>;

// The rows of this thread's team: block b begins with TEAMS rows from b TEAMS on, and goes on gridDim.x blocks later.
template <int TEAM> __device__ __forceinline__ long long first_row() {
    return blockIdx.x * static_cast<long long>(TEAMS<TEAM>) + threadIdx.x / TEAM;
}

template <int TEAM> __device__ __forceinline__ long long row_step() {
    return gridDim.x * static_cast<long long>(TEAMS<TEAM>);
}

// Calls see(a[j]) for all j of a row, each by one thread of the team.
template <int TEAM, class T, class See> __device__ __forceinline__ void each(const T* a, int width, See see) {
    see_row(a, width, int(threadIdx.x % TEAM), TEAM, see);
}

// Calls see(a[j], b[j]).
template <int TEAM, class T, class See>
__device__ __forceinline__ void each(const T* a, const T* b, int width, See see) {
    visit_row(a, alike(a, b), width, int(threadIdx.x % TEAM), TEAM, [&](auto at) {
        constexpr int N = decltype(at)::size;
        const Vector<T, N> left = load(a, at), right = load(b, at);
#pragma unroll
        for (int k = 0; k < N; ++k) see(widened(left.at[k]), widened(right.at[k]));
    });
}

// y[j] = f(a[j]); y may be a.
template <int TEAM, class T, class F> __device__ __forceinline__ void map(const T* a, T* y, int width, F f) {
    visit_row(a, alike(a, y), width, int(threadIdx.x % TEAM), TEAM, [&](auto at) {
        constexpr int N = decltype(at)::size;
        const Vector<T, N> values = load(a, at);
        Vector<T, N> results;
#pragma unroll
        for (int k = 0; k < N; ++k) results.at[k] = stored<T>(f(widened(values.at[k])));
        store(y, at, results);
    });
}

// y[j] = f(a[j], b[j]).
template <int TEAM, class T, class F>
__device__ __forceinline__ void map(const T* a, const T* b, T* y, int width, F f) {
    visit_row(a, alike(a, b) && alike(a, y), width, int(threadIdx.x % TEAM), TEAM, [&](auto at) {
        constexpr int N = decltype(at)::size;
        const Vector<T, N> left = load(a, at), right = load(b, at);
        Vector<T, N> results;
#pragma unroll
        for (int k = 0; k < N; ++k) results.at[k] = stored<T>(f(widened(left.at[k]), widened(right.at[k])));
        store(y, at, results);
    });
}
