// The sums over rows of what follows a product, y's gradient by the bias: a line of them for each line of blocks, in a
// fixed order; what adds the lines is another launch.
#pragma once
#include "reduce.cuh"

// The sum of x over the lanes of a warp whose numbers differ by multiples of DISTANCE, a power of two, for all of them:
// where DISTANCE lanes share out the columns of a row, over what a warp has of each column.
template <int DISTANCE, class A> __device__ __forceinline__ A sum_over_rows(A x) {
#pragma unroll
    for (int distance = WARP / 2; distance >= DISTANCE; distance /= 2) x += __shfl_xor_sync(ALL_LANES, x, distance);
    return x;
}

// The sums of a block's columns over its rows, in a fixed order, for y's gradient by the bias: the threads have written
// `lines`, in shared memory, the sums over parts of the rows; now thread number `thread` of THREADS adds them, for the
// first `columns` columns.  `sums` is where the block's first column begins in its line of the kernel's parameter of
// that name, (lines of blocks over all rows and matrices, columns): what is there, the caller of the kernel adds.
template <int THREADS, int LINES, int COLUMNS, class A>
__device__ __forceinline__ void add_lines(const A (&lines)[LINES][COLUMNS], int thread, int columns, A* sums) {
    __syncthreads();
    for (int column = thread; column < COLUMNS && column < columns; column += THREADS) {
        A sum = lines[0][column];
#pragma unroll
        for (int line = 1; line < LINES; ++line) sum += lines[line][column];
        sums[column] = sum;
    }
}
