// Sums and maxima over the threads of a team: each gets the result, and the order is always the same.
#pragma once

constexpr unsigned ALL_LANES = 0xffffffffu;
constexpr int WARP = 32;

struct Sum {
    template <class A> __device__ __forceinline__ A operator()(A a, A b) const { return a + b; }
};

// NaN where one of the two is, unlike fmaxf, which drops it.
struct Max {
    template <class A> __device__ __forceinline__ A operator()(A a, A b) const { return a > b || a != a ? a : b; }
};

// A butterfly: both partners combine the same two numbers, and a + b = b + a, so all lanes end with the same bits.
template <class Combine, class A> __device__ __forceinline__ A warp_reduce(A x) {
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2)
        x = Combine()(x, __shfl_xor_sync(ALL_LANES, x, distance));
    return x;
}

// All THREADS threads of a one-dimensional block call this together.
template <class Combine, int THREADS, class A> __device__ __forceinline__ A block_reduce(A x) {
    static_assert(THREADS % WARP == 0 && THREADS <= WARP * WARP, "one number per warp, and one warp of those");
    constexpr int WARPS = THREADS / WARP;
    __shared__ A parts[WARPS];
    x = warp_reduce<Combine>(x);
    if (threadIdx.x % WARP == 0) parts[threadIdx.x / WARP] = x;
    __syncthreads();
    // Every warp combines the parts by itself, in order: no second exchange is needed to tell the result to all.
    x = parts[0];
#pragma unroll
    for (int warp = 1; warp < WARPS; ++warp) x = Combine()(x, parts[warp]);
    __syncthreads();  // the next call writes the parts again
    return x;
}

// A team is TEAM neighbouring threads that share a piece of work: one thread, a warp, or the whole block.  All of them
// call this together.
template <class Combine, int TEAM, class A> __device__ __forceinline__ A team_reduce(A x) {
    if constexpr (TEAM == 1) return x;
    else if constexpr (TEAM == WARP) return warp_reduce<Combine>(x);
    else return block_reduce<Combine, TEAM>(x);
}

template <int TEAM, class A> __device__ __forceinline__ A team_sum(A x) { return team_reduce<Sum, TEAM>(x); }
template <int TEAM, class A> __device__ __forceinline__ A team_max(A x) { return team_reduce<Max, TEAM>(x); }

// The sum of `count` numbers in memory, for all threads of a block of THREADS: each adds every THREADS-th of them.
template <int THREADS, class A> __device__ __forceinline__ A sum_by_block(const A* numbers, int count) {
    A own = 0;
    for (int i = threadIdx.x; i < count; i += THREADS) own += numbers[i];
    return team_sum<THREADS>(own);
}
