// Sums over the middle axis of x (outer, length, inner), and their gradient, which spreads numbers over that axis.
#include "reduce.cuh"
#include "stretches.cuh"

constexpr int THREADS = 256;

// What every sum ends with.
template <class Y>
__device__ __forceinline__ void put(Y* y, accumulator<Y> sum, accumulator<Y> scale, bool add) {
    sum *= scale;
    *y = stored<Y>(add ? widened(*y) + sum : sum);
}

// y[row, piece] (+)= scale · the sum of a piece of x[row, :], for x (outer, length) and y (outer, pieces), which has
// `sums` elements.  A piece has `chunk` elements, the last of a row what is left.  A team of TEAM threads adds one: one
// thread where rows are so short that it reads them in a few loads, a warp, or the whole block.
// Instances: reduction_rows<float, float | __half | __nv_bfloat16, 1 | 32 | 256>,
//  reduction_rows<double, double, 1 | 32 | 256>, reduction_rows<__half, __half | float, 1 | 32 | 256>,
//  reduction_rows<__nv_bfloat16, __nv_bfloat16 | float, 1 | 32 | 256>
template <class X, class Y, int TEAM>
__global__ void __launch_bounds__(THREADS) reduction_rows(
    const X* __restrict__ x, Y* __restrict__ y, long long sums, long long pieces, long long length, long long chunk,
    accumulator<Y> scale, bool add) {
    const int lane = threadIdx.x % TEAM;
    const long long place = static_cast<long long>(blockIdx.x) * (THREADS / TEAM) + threadIdx.x / TEAM;
    if (place >= sums) return;  // for whole warps at once where a warp adds
    const long long start = place % pieces * chunk, left = length - start;
    const X* piece = x + place / pieces * length + start;
    accumulator<X> sum = 0;
    see_row<X, long long>(piece, left < chunk ? left : chunk, lane, TEAM, [&](auto element) { sum += element; });
    sum = team_sum<TEAM>(sum);
    if (lane == 0) put(y + place, sum, scale, add);
}

// y[o, piece, column] (+)= scale · the sum of a piece of x[o, :, column], for x (outer, length, inner) and
// y (outer, pieces, inner).  A block adds COLUMNS neighbouring columns of one piece: a row of COLUMNS threads reads one
// row, and the block's rows of threads take turns.  Blocks count tiles of columns first, then pieces, then o.
// Instances: reduction_columns<float, float | __half | __nv_bfloat16, 8 | 32>,
//  reduction_columns<double, double, 8 | 32>, reduction_columns<__half, __half | float, 8 | 32>,
//  reduction_columns<__nv_bfloat16, __nv_bfloat16 | float, 8 | 32>
template <class X, class Y, int COLUMNS>
__global__ void __launch_bounds__(THREADS) reduction_columns(
    const X* __restrict__ x, Y* __restrict__ y, long long tiles, long long pieces, long long length, long long chunk,
    long long inner, accumulator<Y> scale, bool add) {
    constexpr int ROWS = THREADS / COLUMNS;
    __shared__ accumulator<Y> parts[ROWS][COLUMNS];
    const int row_of_threads = threadIdx.x / COLUMNS, place_in_tile = threadIdx.x % COLUMNS;
    const long long column = blockIdx.x % tiles * COLUMNS + place_in_tile, place = blockIdx.x / tiles;
    const long long start = place % pieces * chunk, end = length - start < chunk ? length : start + chunk;
    const X* plane = x + place / pieces * length * inner;
    accumulator<Y> sum = 0;
    if (column < inner) {
#pragma unroll 4
        for (long long row = start + row_of_threads; row < end; row += ROWS)
            sum += widened(plane[row * inner + column]);
    }
    parts[row_of_threads][place_in_tile] = sum;
    __syncthreads();
    if (row_of_threads != 0 || column >= inner) return;
#pragma unroll
    for (int row = 1; row < ROWS; ++row) sum += parts[row][place_in_tile];
    put(y + place * inner + column, sum, scale, add);
}

// dx[o, l, i] = scale · dy[o, i], for dx (outer, length, inner) with `size` elements, N neighbours for each thread: they
// are from as many neighbours of dy, or where inner is 1 all from one.  Index is unsigned where size allows it: a
// division of 64 bits takes several times as long.
// Instances: reduction_spread<float, unsigned | unsigned long long, 1 | 4>,
//  reduction_spread<double, unsigned | unsigned long long, 1 | 2>,
//  reduction_spread<__half | __nv_bfloat16, unsigned | unsigned long long, 1 | 8>
template <class T, class Index, int N>
__global__ void __launch_bounds__(THREADS) reduction_spread(
    const T* __restrict__ dy, T* __restrict__ dx, Index size, Index length, Index inner, accumulator<T> scale) {
    const Index i = static_cast<Index>(blockIdx.x) * THREADS + threadIdx.x;
    if (i >= size / N) return;
    const Index source = i * N / (length * inner) * inner + i * N % inner;
    Vector<T, N> elements;
    if (N > 1 && inner == 1) {
        const T same = dy[source];
#pragma unroll
        for (int k = 0; k < N; ++k) elements.at[k] = same;
    } else {
        elements = load<N>(dy + source);
    }
#pragma unroll
    for (int k = 0; k < N; ++k) elements.at[k] = stored<T>(widened(elements.at[k]) * scale);
    store<N>(dx, i, elements);
}
