// Axes of an array in another order.
//
// What is left of the axes besides those that a kernel handles itself are outer axes: `outer` holds for each of them,
// the first one first, the extent, and the distance of neighbours in x and in y.
#include "storage.cuh"

constexpr int THREADS = 256;
constexpr int TILE = 32, TILE_ROWS = THREADS / TILE;

struct Offsets { long long x, y; };

// Where place `number` of the outer axes begins, of which the last one runs fastest.
__device__ __forceinline__ Offsets offsets(const long long* outer, int axes, unsigned number) {
    Offsets at = {0, 0};
    for (int axis = axes - 1; axis >= 0; --axis) {
        const unsigned extent = static_cast<unsigned>(outer[3 * axis]), place = number % extent;
        number /= extent;
        at.x += place * outer[3 * axis + 1];
        at.y += place * outer[3 * axis + 2];
    }
    return at;
}

// y[c, r] = x[r, c] for a stack of `rows` x `columns` matrices; the rows of x are x_stride apart, those of y y_stride.
// Block: one tile of 32 x 32 elements; threads (32, 8) read 8 rows of it at a time, and write 8 columns as rows: memory
// is touched in stretches of 32 neighbours both times.  The tile in shared memory has one column more than it needs,
// so that the 32 elements of a column lie in 32 banks.
template <class T>
__global__ void __launch_bounds__(THREADS)
    transpose_tiles(const T* __restrict__ x, T* __restrict__ y, const long long* __restrict__ outer, int axes, int rows,
                    int columns, long long x_stride, long long y_stride) {
    __shared__ T tile[TILE][TILE + 1];
    const unsigned across = (columns + TILE - 1) / TILE, down = (rows + TILE - 1) / TILE;
    const int first_column = blockIdx.x % across * TILE, first_row = blockIdx.x / across % down * TILE;
    const Offsets start = offsets(outer, axes, blockIdx.x / across / down);

    const int column = first_column + threadIdx.x;
    for (int i = threadIdx.y; i < TILE; i += TILE_ROWS)
        if (column < columns && first_row + i < rows)
            tile[i][threadIdx.x] = x[start.x + (first_row + i) * x_stride + column];
    __syncthreads();
    const int row = first_row + threadIdx.x;
    for (int i = threadIdx.y; i < TILE; i += TILE_ROWS)
        if (row < rows && first_column + i < columns)
            y[start.y + (first_column + i) * y_stride + row] = tile[threadIdx.x][i];
}

// Rows of `width` neighbours that stay neighbours: row i of y, in the order of the outer axes, from where it lies in x.
// Threads (x, y) of a block: row blockIdx.x * blockDim.y + y of `count`, N neighbouring elements at a time, which x and
// gridDim.y share out.  N elements are one access of 16 bytes where rows are so aligned, else N is 1.
// Instances: transpose_rows<float, 1 | 4>, transpose_rows<double, 1 | 2>, transpose_rows<__half | __nv_bfloat16, 1 | 8>
template <class T, int N>
__global__ void __launch_bounds__(THREADS)
    transpose_rows(const T* __restrict__ x, T* __restrict__ y, const long long* __restrict__ outer, int axes, int count,
                   int width) {
    using Piece = Vector<T, N>;
    const unsigned row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= static_cast<unsigned>(count)) return;
    const Offsets start = offsets(outer, axes, row);
    const Piece* from = reinterpret_cast<const Piece*>(x + start.x);
    Piece* to = reinterpret_cast<Piece*>(y + start.y);
    const int pieces = width / N;
    for (int column = blockIdx.y * blockDim.x + threadIdx.x; column < pieces; column += gridDim.y * blockDim.x)
        to[column] = from[column];
}
