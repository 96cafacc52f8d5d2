// y = f(a b + bias), or y += that, and h = a b + bias beside it, for stacks of matrices of any shape and strides.
//
// Shapes: a (outer, stack, rows, inner), b (outer, stack, inner, columns), h and y (outer, stack, rows, columns), bias
// (columns,); bias and h may be null.  Strides are in elements, and h has those of y.  A sum is one of accumulator<T>,
// always in the same order.
//
// Blocks along x have one tile of y each (see matmul_tile.cuh): columns first, then rows, then matrices of the stack.
// A product with few tiles and a long inner axis is summed in parts, by blocks along y: `matmul_parts` writes their
// sums, `matmul_total` adds these in order.
//
// A_ALONG_INNER and B_ALONG_INNER: whether neighbours along the inner axis lie next to each other in memory, rather
// than neighbours along the rows of a, or the columns of b.
#include "epilogue.cuh"
#include "grid.cuh"
#include "matmul_tile.cuh"
#include "storage.cuh"

// Which tile a block has: of the matrix (outer, inner) of the stack the rows and columns from `row` and `column` on.
struct Tile {
    long long outer, inner;
    int row, column;
};

template <int TILE> __device__ __forceinline__ Tile tile_of_block(int rows, int columns, int stack) {
    const int row_tiles = (rows + TILE - 1) / TILE, column_tiles = (columns + TILE - 1) / TILE;
    const int block = blockIdx.x, matrix = block / column_tiles / row_tiles;
    return {matrix / stack, matrix % stack, block / column_tiles % row_tiles * TILE, block % column_tiles * TILE};
}

// Where the sums of a thread belong: calls write(row, column, sums of GROUP columns, how many of them there are).
template <int TILE, class A, class Write>
__device__ __forceinline__ void each_group(const Tile& tile, int rows, int columns, const Sums<A, TILE>& sums,
                                           const Write& write) {
#pragma unroll
    for (int i = 0; i < TILE / PLACES; ++i) {
        const int row = tile.row + i / GROUP * REACH + place_row() * GROUP + i % GROUP;
        if (row >= rows) return;
#pragma unroll
        for (int part = 0; part < TILE / REACH; ++part) {
            const int column = tile.column + part * REACH + place_column() * GROUP;
            if (column < columns) write(row, column, &sums[i][part * GROUP], min(GROUP, columns - column));
        }
    }
}

// The numbers of `count` neighbours, or of a whole group at once where that is aligned.
template <class T>
__device__ __forceinline__ Vector<T, GROUP> loaded(const T* at, long long stride, int count, bool whole) {
    if (whole) return load<GROUP>(at);
    Vector<T, GROUP> group;
#pragma unroll
    for (int i = 0; i < GROUP; ++i)
        if (i < count) group.at[i] = at[i * stride];
    return group;
}

template <class T>
__device__ __forceinline__ void write(T* at, long long stride, const Vector<T, GROUP>& group, int count, bool whole) {
    if (whole) {
        store<GROUP>(at, group);
        return;
    }
#pragma unroll
    for (int i = 0; i < GROUP; ++i)
        if (i < count) at[i * stride] = group.at[i];
}

// Every block sums a whole tile and finishes it.
// Instances: matmul_whole<float, 64 | 128, false | true, false | true>,
//  matmul_whole<double | __half | __nv_bfloat16, 64 | 128, true, true>
template <class T, int TILE, bool A_ALONG_INNER, bool B_ALONG_INNER>
__global__ void __launch_bounds__(PRODUCT_THREADS, BLOCKS<T, TILE>) matmul_whole(
    const T* __restrict__ a, const T* __restrict__ b, const T* __restrict__ bias, T* h, T* y, int rows, int columns,
    int inner, int stack, long long a_outer, long long a_stack, long long a_row, long long a_inner, long long b_outer,
    long long b_stack, long long b_inner, long long b_column, long long y_outer, long long y_stack, long long y_row,
    long long y_column, bool add) {
    using A = accumulator<T>;
    const Tile tile = tile_of_block<TILE>(rows, columns, stack);
    a += tile.outer * a_outer + tile.inner * a_stack;
    b += tile.outer * b_outer + tile.inner * b_stack;
    Sums<A, TILE> sums = {};
    add_product<TILE>(
        Groups<T, TILE, A_ALONG_INNER>(a, tile.row, rows, 0, inner, a_row, a_inner),
        Groups<T, TILE, B_ALONG_INNER>(b, tile.column, columns, 0, inner, b_column, b_inner), inner, sums);

    const long long matrix = tile.outer * y_outer + tile.inner * y_stack;
    const bool wide = groups_are_aligned(y + matrix, y_column, y_row)
                      && groups_are_aligned(h ? h + matrix : h, y_column, y_row);
    each_group<TILE>(tile, rows, columns, sums, [&](int row, int column, const A* group, int count) {
        const long long at = matrix + row * y_row + column * y_column;
        const bool whole = wide && count == GROUP;
        Vector<T, GROUP> of_h, of_y;
        if (add) of_y = loaded(y + at, y_column, count, whole);
#pragma unroll
        for (int i = 0; i < GROUP; ++i) {
            if (i >= count) break;
            const A sum = bias ? group[i] + widened(bias[column + i]) : group[i];
            const A result = activation(sum);
            of_h.at[i] = stored<T>(sum);
            of_y.at[i] = stored<T>(add ? widened(of_y.at[i]) + result : result);
        }
        if (h) write(h + at, y_column, of_h, count, whole);
        write(y + at, y_column, of_y, count, whole);
    });
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
    const Tile tile = tile_of_block<TILE>(rows, columns, stack);
    a += tile.outer * a_outer + tile.inner * a_stack;
    b += tile.outer * b_outer + tile.inner * b_stack;
    const int first = blockIdx.y * length, end = min(inner, first + length);
    Sums<A, TILE> sums = {};
    add_product<TILE>(
        Groups<T, TILE, A_ALONG_INNER>(a, tile.row, rows, first, end, a_row, a_inner),
        Groups<T, TILE, B_ALONG_INNER>(b, tile.column, columns, first, end, b_column, b_inner), end - first, sums);

    const long long matrix = ((blockIdx.y * static_cast<long long>(outer) + tile.outer) * stack + tile.inner) * rows;
    each_group<TILE>(tile, rows, columns, sums, [&](int row, int column, const A* group, int count) {
        A* at = parts + (matrix + row) * columns + column;
#pragma unroll
        for (int i = 0; i < GROUP; ++i)
            if (i < count) at[i] = group[i];
    });
}

// Each thread finishes one element of y: its parts are added in the order of the inner axis.
template <class T>
__global__ void __launch_bounds__(PRODUCT_THREADS) matmul_total(
    const accumulator<T>* __restrict__ parts, const T* __restrict__ bias, T* h, T* y, int count, int rows, int columns,
    int outer, int stack, long long y_outer, long long y_stack, long long y_row, long long y_column, bool add) {
    const long long size = static_cast<long long>(outer) * stack * rows * columns;
    const long long i = thread_of_grid();
    if (i >= size) return;
    accumulator<T> sum = 0;
    for (int part = 0; part < count; ++part) sum += parts[part * size + i];

    const int column = i % columns, row = i / columns % rows;
    const long long matrix = i / columns / rows;
    const long long at = matrix / stack * y_outer + matrix % stack * y_stack + row * y_row + column * y_column;
    if (bias) sum += widened(bias[column]);
    if (h) h[at] = stored<T>(sum);
    const accumulator<T> result = activation(sum);
    y[at] = stored<T>(add ? widened(y[at]) + result : result);
}
