// Grids of one dimension, whose threads share out a flat array.
#pragma once

// This thread among all of the grid.
__device__ __forceinline__ long long thread_of_grid() {
    return blockIdx.x * static_cast<long long>(blockDim.x) + threadIdx.x;
}

__device__ __forceinline__ long long threads_of_grid() { return gridDim.x * static_cast<long long>(blockDim.x); }
