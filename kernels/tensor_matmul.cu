// y = what finish.cuh makes of a b, by tensor cores, for stacks of matrices of any shape and strides.
//
// Shapes: a (outer, stack, rows, inner), b (outer, stack, inner, columns), y (outer, stack, rows, columns).  Strides
// are in elements.  Sums are of float, always in the same order; factors that are float are rounded to tf32.
//
// Blocks along x have one tile of y each (see tensor_tile.cuh).  Block y sums part y of the inner axis, `length` long;
// where there are several parts, y (parts, outer, stack, rows, columns) is only their sums, y_part from one part to the
// next, and `matmul_total` of matmul.cu adds these in order.
//
// A_ALONG_INNER and B_ALONG_INNER: whether neighbours along the inner axis lie next to each other in memory, rather
// than neighbours along the rows of a, or the columns of b.
#include "column_sums.cuh"
#include "finish.cuh"
#include "tensor_tile.cuh"

// `own` are the sums over this lane's rows, of its columns; `sums` those over the rows of the tile.
template <int COLUMNS, int N>
__device__ __forceinline__ void put_column_sums(const float (&own)[N], const Tile& tile, int columns, float* sums) {
    __shared__ float lines[WARPS_DOWN][COLUMNS];
#pragma unroll
    for (int i = 0; i < N; ++i) {
        const float sum = sum_over_rows<LANES_ACROSS<COLUMNS, N>>(own[i]);
        if (threadIdx.x % WARP < LANES_ACROSS<COLUMNS, N>) {
            lines[threadIdx.x / WARP % WARPS_DOWN][lane_column<COLUMNS, N>() + i] = sum;
        }
    }
    add_lines<TENSOR_THREADS<COLUMNS>>(lines, threadIdx.x, columns - tile.column,
                                       sums + tile.line * columns + tile.column);
}

// Every block sums a tile, or part of its inner axis, and finishes it.
// Instances: tensor_matmul<__half, __half | float, 128, 128, 3, true, false | true>,
//  tensor_matmul<__nv_bfloat16, __nv_bfloat16 | float, 128, 256, 4, false | true, false>,
//  tensor_matmul<__nv_bfloat16, __nv_bfloat16, 64, 64, 4, false | true, false | true>,
//  tensor_matmul<float, float, 64, 64, 4, true, false | true>, tensor_matmul<float, float, 128, 256, 4, false, false>,
//  tensor_matmul<float, float, 128, 128, 3, true | false, false | true>
template <class T, class Y, int ROWS, int COLUMNS, int STAGES, bool A_ALONG_INNER, bool B_ALONG_INNER>
__global__ void __launch_bounds__(TENSOR_THREADS<COLUMNS>, TENSOR_BLOCKS<COLUMNS>) tensor_matmul(
    const T* __restrict__ a, const T* __restrict__ b, int rows, int columns, int inner, int length, int stack,
    long long a_outer, long long a_stack, long long a_row, long long a_inner, long long b_outer, long long b_stack,
    long long b_inner, long long b_column, long long y_part, const T* __restrict__ bias, const Y* saved,
    const Y* residual, Y* h, Y* y, float* sums, unsigned char* mask, const unsigned long long* seed,
    unsigned long long seed_number, const unsigned long long* step, unsigned long long step_number, unsigned node,
    unsigned threshold, float scale, long long y_outer, long long y_stack, long long y_row, long long y_column,
    bool add) {
    constexpr int N = CHUNK<Y>;  // columns that a lane finishes at a time
    constexpr int THREADS = TENSOR_THREADS<COLUMNS>;
    static_assert(TURNED_BYTES<COLUMNS> <= STAGES * (ROWS + COLUMNS) * STEP_BYTES, "sums do not fit where panels were");
    extern __shared__ __align__(128) unsigned char memory[];
    const Tile tile = tile_of_block<ROWS, COLUMNS>(rows, columns, stack);
    a += tile.outer * a_outer + tile.inner * a_stack;
    b += tile.outer * b_outer + tile.inner * b_stack;
    y += blockIdx.y * y_part;
    // In this order: of an inner axis near 2^31, the end of a last part that is not full is none that an int holds.
    const int first = blockIdx.y * length, end = first + min(length, inner - first);
    Fragments<ROWS, COLUMNS> products = {};
    sum_tile<T, ROWS, COLUMNS, STAGES>(
        Chunks<T, ROWS, A_ALONG_INNER, THREADS>(a, tile.row, rows, first, end, a_row, a_inner),
        Chunks<T, COLUMNS, B_ALONG_INNER, THREADS>(b, tile.column, columns, first, end, b_column, b_inner), end - first,
        memory, products);

    const Finish<T, Y, N> finish(tile.outer, tile.inner, stack, rows, columns, bias, saved, residual, h, y, mask, seed,
                                 seed_number, step, step_number, node, threshold, scale, y_outer, y_stack, y_row,
                                 y_column, add);
    const int column = tile.column + lane_column<COLUMNS, N>(), count = min(N, columns - column);
    float own[N] = {};
    each_group<ROWS, COLUMNS, N>(products, memory, [&](int row_of_tile, float* group) {
        const int row = tile.row + row_of_tile;
        if (row >= rows || count <= 0) return;
        finish(row, column, count, group);
#pragma unroll
        for (int i = 0; i < N; ++i) own[i] += group[i];
    });
    if constexpr (SLOPED) {
        if (sums) put_column_sums<COLUMNS>(own, tile, columns, sums);
    }
}
