// y = what finish.cuh makes of a b, for stacks of matrices of any shape and strides.
//
// Shapes: a (outer, stack, rows, inner), b (outer, stack, inner, columns), y (outer, stack, rows, columns).  Strides
// are in elements.  A sum is one of accumulator<T>, always in the same order.
//
// Blocks along x have one tile of y each (see matmul_tile.cuh): columns first, then rows, then matrices of the stack.
// A product with few tiles and a long inner axis is summed in parts, by blocks along y: `matmul_parts` writes their
// sums, `matmul_total` adds these in order.
//
// A_ALONG_INNER and B_ALONG_INNER: whether neighbours along the inner axis lie next to each other in memory, rather
// than neighbours along the rows of a, or the columns of b.
#include "column_sums.cuh"
#include "finish.cuh"
#include "matmul_tile.cuh"
#include "storage.cuh"

// `own` are the sums over this thread's rows, of the columns of its groups; `sums` those over the rows of the tile.
template <int TILE, class A>
__device__ __forceinline__ void put_column_sums(const A (&own)[TILE / PLACES], const Tile& tile, int columns, A* sums) {
    __shared__ A lines[PRODUCT_THREADS / 64][TILE];  // two warps share their rows
#pragma unroll
    for (int i = 0; i < TILE / PLACES; ++i) {
        const A sum = sum_over_rows<8>(own[i]);
        const int column = i / GROUP * REACH + place_column() * GROUP + i % GROUP;
        if (threadIdx.x % WARP < 8) lines[threadIdx.x / 64][column] = sum;
    }
    add_lines<PRODUCT_THREADS>(lines, threadIdx.x, columns - tile.column, sums + tile.line * columns + tile.column);
}

// Every block sums a whole tile and finishes it.
// Instances: matmul_whole<float, float, 64 | 128, false | true, false | true>,
//  matmul_whole<double, double, 64 | 128, true, true>,
//  matmul_whole<__half | __nv_bfloat16, float, 64 | 128, true, true>,
//  matmul_whole<__half, __half, 64 | 128, true, true>, matmul_whole<__nv_bfloat16, __nv_bfloat16, 64 | 128, true, true>
template <class T, class Y, int TILE, bool A_ALONG_INNER, bool B_ALONG_INNER>
__global__ void __launch_bounds__(PRODUCT_THREADS, BLOCKS<T, TILE>) matmul_whole(
    const T* __restrict__ a, const T* __restrict__ b, int rows, int columns, int inner, int stack, long long a_outer,
    long long a_stack, long long a_row, long long a_inner, long long b_outer, long long b_stack, long long b_inner,
    long long b_column, const T* __restrict__ bias, const Y* saved, const Y* residual, Y* h, Y* y, accumulator<T>* sums,
    unsigned char* mask, const unsigned long long* seed, unsigned long long seed_number,
    const unsigned long long* step, unsigned long long step_number, unsigned node, unsigned threshold,
    accumulator<T> scale, long long y_outer, long long y_stack, long long y_row, long long y_column, bool add) {
    using A = accumulator<T>;
    const Tile tile = tile_of_block<TILE, TILE>(rows, columns, stack);
    a += tile.outer * a_outer + tile.inner * a_stack;
    b += tile.outer * b_outer + tile.inner * b_stack;
    Sums<A, TILE> products = {};
    add_product<TILE>(
        Groups<T, TILE, A_ALONG_INNER>(a, tile.row, rows, 0, inner, a_row, a_inner),
        Groups<T, TILE, B_ALONG_INNER>(b, tile.column, columns, 0, inner, b_column, b_inner), inner, products);

    const Finish<T, Y, GROUP> finish(tile.outer, tile.inner, stack, rows, columns, bias, saved, residual, h, y, mask,
                                     seed, seed_number, step, step_number, node, threshold, scale, y_outer, y_stack,
                                     y_row, y_column, add);
    A own[TILE / PLACES] = {};
    each_group<TILE>(tile, rows, columns, products, [&](int row, int column, int count, A* group, int part) {
        finish(row, column, count, group);
#pragma unroll
        for (int i = 0; i < GROUP; ++i) own[part * GROUP + i] += group[i];
    });
    if constexpr (SLOPED) {
        if (sums) put_column_sums<TILE>(own, tile, columns, sums);
    }
}

// Block (x, y) sums part y of the inner axis, `length` long, of tile x; parts (parts, outer, stack, rows, columns).
// Instances: matmul_parts<float, 64, false | true, false | true>,
//  matmul_parts<double | __half | __nv_bfloat16, 64, false, false>
template <class T, int TILE, bool A_ALONG_INNER, bool B_ALONG_INNER>
__global__ void __launch_bounds__(PRODUCT_THREADS, BLOCKS<T, TILE>) matmul_parts(
    const T* __restrict__ a, const T* __restrict__ b, accumulator<T>* parts, int rows, int columns, int inner,
    int length, int outer, int stack, long long a_outer, long long a_stack, long long a_row, long long a_inner,
    long long b_outer, long long b_stack, long long b_inner, long long b_column) {
    using A = accumulator<T>;
    const Tile tile = tile_of_block<TILE, TILE>(rows, columns, stack);
    a += tile.outer * a_outer + tile.inner * a_stack;
    b += tile.outer * b_outer + tile.inner * b_stack;
    // In this order: of an inner axis near 2^31, the end of a last part that is not full is none that an int holds.
    const int first = blockIdx.y * length, end = first + min(length, inner - first);
    Sums<A, TILE> products = {};
    add_product<TILE>(
        Groups<T, TILE, A_ALONG_INNER>(a, tile.row, rows, first, end, a_row, a_inner),
        Groups<T, TILE, B_ALONG_INNER>(b, tile.column, columns, first, end, b_column, b_inner), end - first, products);

    const long long matrix = ((blockIdx.y * static_cast<long long>(outer) + tile.outer) * stack + tile.inner) * rows;
    each_group<TILE>(tile, rows, columns, products, [&](int row, int column, int count, const A* group, int) {
        A* at = parts + (matrix + row) * columns + column;
#pragma unroll
        for (int i = 0; i < GROUP; ++i)
            if (i < count) at[i] = group[i];
    });
}

// A block finishes 8 rows of 32 columns, each thread one element of y: its parts are added in the order of the inner
// axis.  Blocks as above.
// Instances: matmul_total<float, float>, matmul_total<double, double>, matmul_total<__half, __half | float>,
//  matmul_total<__nv_bfloat16, __nv_bfloat16 | float>
template <class T, class Y>
__global__ void __launch_bounds__(PRODUCT_THREADS) matmul_total(
    const accumulator<T>* __restrict__ parts, int count, int rows, int columns, int outer, int stack,
    const T* __restrict__ bias, const Y* saved, const Y* residual, Y* h, Y* y, accumulator<T>* sums,
    unsigned char* mask, const unsigned long long* seed, unsigned long long seed_number,
    const unsigned long long* step, unsigned long long step_number, unsigned node, unsigned threshold,
    accumulator<T> scale, long long y_outer, long long y_stack, long long y_row, long long y_column, bool add) {
    constexpr int LINES = PRODUCT_THREADS / WARP;
    const Tile tile = tile_of_block<LINES, WARP>(rows, columns, stack);
    const int line = threadIdx.x / WARP, lane = threadIdx.x % WARP;
    const int row = tile.row + line, column = tile.column + lane;
    accumulator<T> sum = 0;
    if (row < rows && column < columns) {
        const long long size = static_cast<long long>(outer) * stack * rows * columns;
        const long long i = ((tile.outer * stack + tile.inner) * rows + row) * columns + column;
        for (int part = 0; part < count; ++part) sum += parts[part * size + i];
        const Finish<T, Y, 1> finish(tile.outer, tile.inner, stack, rows, columns, bias, saved, residual, h, y, mask,
                                     seed, seed_number, step, step_number, node, threshold, scale, y_outer, y_stack,
                                     y_row, y_column, add);
        finish(row, column, 1, &sum);
    }
    if constexpr (SLOPED) {
        if (!sums) return;  // the whole grid does
        __shared__ accumulator<T> lines[LINES][WARP];
        lines[line][lane] = sum;
        add_lines<PRODUCT_THREADS>(lines, threadIdx.x, columns - tile.column,
                                   sums + tile.line * columns + tile.column);
    }
}
