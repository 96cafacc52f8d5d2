// The words and variables that CUDA adds to C++.
#pragma once

#undef __global__
#undef __device__
#undef __host__
#undef __shared__
#undef __constant__
#undef __forceinline__
#undef __launch_bounds__
#undef __grid_constant__

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)  // source.py has written the bounds down
#define __forceinline__ inline __attribute__((always_inline))

// One OS thread runs a block, so the thread-local variables of a module are the shared memory of the block, and the
// TLS segment is where they lie. A section attribute would not do: g++ leaves the statics of templates out of it.
// Without __constinit g++ guards the initialisation of arrays of classes, and the guard would count as shared memory.
#define __shared__ static thread_local __constinit
// source.py writes this for `extern __shared__ T name[]...;`, where T may have commas.
#define COC_DYNAMIC_SHARED(name, inner, ...) \
    __VA_ARGS__(*const name) inner = reinterpret_cast<__VA_ARGS__(*) inner>(coc_dynamic_shared())

#define threadIdx (reinterpret_cast<const uint3&>(coc_now.thread))
#define blockIdx (reinterpret_cast<const uint3&>(coc_now.block))
#define blockDim (reinterpret_cast<const uint3&>(coc_now.block_dim))
#define gridDim (reinterpret_cast<const uint3&>(coc_now.grid_dim))
#define warpSize 32

#include <assert.h>  // ours, in stand_in
static inline void __trap(int line = __builtin_LINE()) { coc_fail("__trap()", line); }
#define __builtin_assume(condition) \
    ((condition) ? (void)0 : coc_fail("__builtin_assume(" #condition ") is false", __LINE__))
