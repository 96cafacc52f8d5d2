// One tile of a product a b, summed by one block in registers: what all kernels of matmul.cu have in common.
//
// A block has 256 threads and a square tile of y, TILE x TILE.  It goes along the inner axis in steps: in each, the
// threads bring STEP numbers of every row of a and of every column of b to shared memory, four neighbouring elements
// of both matrices per thread, and then multiply.  Rows of a and columns of b are treated alike and called lines.
#pragma once
#include "storage.cuh"

constexpr int PRODUCT_THREADS = 256;
constexpr int GROUP = 4;                  // neighbouring elements that a thread loads, computes and stores together
constexpr int PLACES = 16;                // the threads form a square of 16 x 16 places
constexpr int REACH = PLACES * GROUP;     // lines that one group per place covers

// How many blocks are to fit a multiprocessor at once: as many as their registers allow without spilling any.
template <class T, int TILE> constexpr int BLOCKS = (TILE == 64 ? 3 : 2) - (sizeof(T) == 8 ? 1 : 0);

// Steps are such that every thread has one group of each matrix to load.
template <int TILE> constexpr int STEP = PRODUCT_THREADS * GROUP / TILE;

// Shared memory of one step, as [depth][line] with the lines in groups.  The unused group at the end of each row lets
// threads that write neighbouring depths of a line write to different banks.
template <class A, int TILE> using Stage = Vector<A, GROUP>[STEP<TILE>][TILE / GROUP + 1];

// Where in a step the group of this thread begins.  ALONG_DEPTH says which neighbours a group has: those along the
// inner axis, or neighbouring lines, whichever lie next to each other in memory; so do groups of neighbouring threads.
template <int TILE, bool ALONG_DEPTH> __device__ __forceinline__ int group_line() {
    return ALONG_DEPTH ? threadIdx.x / (STEP<TILE> / GROUP) : threadIdx.x % (TILE / GROUP) * GROUP;
}

template <int TILE, bool ALONG_DEPTH> __device__ __forceinline__ int group_depth() {
    return ALONG_DEPTH ? threadIdx.x % (STEP<TILE> / GROUP) * GROUP : threadIdx.x / (TILE / GROUP);
}

template <class T> __device__ __forceinline__ bool groups_are_aligned(const T* at, long long stride, long long other) {
    return stride == 1 && other % GROUP == 0 && is_aligned<GROUP>(at);
}

// The groups of one matrix that one thread loads, step after step.  Depth is the place along the inner axis.
template <class T, int TILE, bool ALONG_DEPTH> struct Groups {
    const T* at;                          // the next group
    long long line_stride, depth_stride;  // in elements
    int lines, depths;                    // from the next group on to the end of the matrix, or of the part to sum
    bool wide;                            // whether whole groups can be loaded by one instruction

    // From line and depth `first_…` on, which are multiples of GROUP, up to the ends; the matrix begins at `matrix`.
    __device__ __forceinline__ Groups(const T* matrix, int first_line, int end_line, int first_depth, int end_depth,
                                      long long line_stride, long long depth_stride)
        : line_stride(line_stride), depth_stride(depth_stride) {
        const int line = first_line + group_line<TILE, ALONG_DEPTH>();
        const int depth = first_depth + group_depth<TILE, ALONG_DEPTH>();
        at = matrix + line * line_stride + depth * depth_stride;
        lines = end_line - line;
        depths = ALONG_DEPTH && lines <= 0 ? 0 : end_depth - depth;
        wide = ALONG_DEPTH ? groups_are_aligned(matrix, depth_stride, line_stride)
                           : groups_are_aligned(matrix, line_stride, depth_stride);
    }

    // The next group, with 0 for what lies behind an end.
    __device__ __forceinline__ Vector<accumulator<T>, GROUP> next() {
        const int left = ALONG_DEPTH ? depths : depths > 0 ? lines : 0;
        Vector<accumulator<T>, GROUP> group;
        if (wide && left >= GROUP) {
            const Vector<T, GROUP> whole = load<GROUP>(at);
#pragma unroll
            for (int i = 0; i < GROUP; ++i) group.at[i] = widened(whole.at[i]);
        } else {
            const long long stride = ALONG_DEPTH ? depth_stride : line_stride;
#pragma unroll
            for (int i = 0; i < GROUP; ++i) group.at[i] = i < left ? widened(at[i * stride]) : 0;
        }
        at += STEP<TILE> * depth_stride;
        depths -= STEP<TILE>;
        return group;
    }

    // Hand a group, the last that `next` gave, to the block.
    __device__ __forceinline__ void put(Stage<accumulator<T>, TILE>& stage, Vector<accumulator<T>, GROUP> group) const {
        const int line = group_line<TILE, ALONG_DEPTH>(), depth = group_depth<TILE, ALONG_DEPTH>();
        if (ALONG_DEPTH) {
#pragma unroll
            for (int i = 0; i < GROUP; ++i) stage[depth + i][line / GROUP].at[line % GROUP] = group.at[i];
        } else {
            stage[depth][line / GROUP] = group;
        }
    }
};

// The place of a thread in the square.  A warp covers 4 x 8 places: its reads of shared memory then are of 4 and of 8
// groups, of which each is one access without conflicts.
__device__ __forceinline__ int place_row() { return threadIdx.x / 64 * 4 + threadIdx.x % 32 / 8; }
__device__ __forceinline__ int place_column() { return threadIdx.x / 32 % 2 * 8 + threadIdx.x % 8; }

// What one thread sums: in each stretch of REACH rows and of REACH columns, the GROUP x GROUP numbers of its place.
template <class A, int TILE> using Sums = A[TILE / PLACES][TILE / PLACES];

template <int TILE, class A>
__device__ __forceinline__ void multiply(const Stage<A, TILE>& a, const Stage<A, TILE>& b, Sums<A, TILE>& sums) {
    constexpr int PARTS = TILE / REACH;
    // All depths at once would take more than the 128 registers with which two blocks fit a multiprocessor.
    constexpr int AT_ONCE = PARTS == 1 ? STEP<TILE> : 2;
#pragma unroll AT_ONCE
    for (int depth = 0; depth < STEP<TILE>; ++depth) {
        Vector<A, GROUP> of_a[PARTS], of_b[PARTS];
#pragma unroll
        for (int part = 0; part < PARTS; ++part) {
            of_a[part] = a[depth][part * PLACES + place_row()];
            of_b[part] = b[depth][part * PLACES + place_column()];
        }
#pragma unroll
        for (int i = 0; i < PARTS * GROUP; ++i)
#pragma unroll
            for (int j = 0; j < PARTS * GROUP; ++j)
                sums[i][j] += of_a[i / GROUP].at[i % GROUP] * of_b[j / GROUP].at[j % GROUP];
    }
}

// sums += Σ a[row, k] b[k, column] over `depths` places k along the inner axis, for the numbers of this thread.
template <int TILE, class OfA, class OfB, class A>
__device__ __forceinline__ void add_product(OfA a, OfB b, int depths, Sums<A, TILE>& sums) {
    __shared__ Stage<A, TILE> a_stages[2];
    __shared__ Stage<A, TILE> b_stages[2];
    Vector<A, GROUP> of_a = a.next(), of_b = b.next();
    int now = 0;
    for (int depth = 0; depth < depths; depth += STEP<TILE>) {
        a.put(a_stages[now], of_a);
        b.put(b_stages[now], of_b);
        // The only barrier of a step: whoever is behind it has finished the step before, so that its stage, which the
        // step after this one overwrites, is free by then.
        __syncthreads();
        // What the next step needs is on its way while this one is multiplied; behind the end nothing is loaded.
        of_a = a.next();
        of_b = b.next();
        multiply<TILE>(a_stages[now], b_stages[now], sums);
        now ^= 1;
    }
}

// Which tile a block has: of the matrix (outer, inner) of the stack the rows and columns from `row` and `column` on.
// Tiles of the same rows are a line, counted over all matrices.
struct Tile {
    long long outer, inner, line;
    int row, column;
};

template <int HEIGHT, int WIDTH> __device__ __forceinline__ Tile tile_of_block(int rows, int columns, int stack) {
    const int row_tiles = (rows + HEIGHT - 1) / HEIGHT, column_tiles = (columns + WIDTH - 1) / WIDTH;
    const int line = blockIdx.x / column_tiles, matrix = line / row_tiles;
    const int column = blockIdx.x % column_tiles * WIDTH;
    return {matrix / stack, matrix % stack, line, line % row_tiles * HEIGHT, column};
}

// Where the sums of a thread belong: calls see(row, column, how many of GROUP columns there are, their sums, which of
// the thread's groups of columns this is).
template <int TILE, class A, class See>
__device__ __forceinline__ void each_group(const Tile& tile, int rows, int columns, Sums<A, TILE>& sums,
                                           const See& see) {
#pragma unroll
    for (int i = 0; i < TILE / PLACES; ++i) {
        const int row = tile.row + i / GROUP * REACH + place_row() * GROUP + i % GROUP;
        if (row >= rows) return;
#pragma unroll
        for (int part = 0; part < TILE / REACH; ++part) {
            const int column = tile.column + part * REACH + place_column() * GROUP;
            if (column < columns) see(row, column, min(GROUP, columns - column), &sums[i][part * GROUP], part);
        }
    }
}
