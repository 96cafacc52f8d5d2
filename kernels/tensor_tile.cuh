// One tile of a product a b, summed by one block on tensor cores: what all kernels of tensor_matmul.cu have in common.
//
// A block has a tile of y, ROWS x COLUMNS, and its warps have equal parts of it.  It goes along the inner axis in
// steps; panels for the next STAGES - 1 of them are on their way to shared memory while one is multiplied.
#pragma once
#include "tensor_panel.cuh"

constexpr int WARPS_DOWN = 2;                                               // that share the rows of a tile
template <int COLUMNS> constexpr int WARPS_ACROSS = COLUMNS == 64 ? 2 : 4;  // and its columns
template <int COLUMNS> constexpr int TENSOR_THREADS = 32 * WARPS_DOWN * WARPS_ACROSS<COLUMNS>;

// How many blocks are to fit a multiprocessor at once: as many as their registers allow without spilling any.
template <int COLUMNS> constexpr int TENSOR_BLOCKS = COLUMNS == 64 ? 4 : COLUMNS == 128 ? 2 : 1;

// The part of a warp: rows and columns, and the sums of a lane, four for every 16 x 8 of them (see mma.cuh).
template <int ROWS> constexpr int WARP_ROWS = ROWS / WARPS_DOWN;
template <int COLUMNS> constexpr int WARP_COLUMNS = COLUMNS / WARPS_ACROSS<COLUMNS>;
template <int ROWS, int COLUMNS> using Fragments = float[WARP_ROWS<ROWS> / 16][WARP_COLUMNS<COLUMNS> / 8][4];

// Where it begins in the tile.
template <int ROWS> __device__ __forceinline__ int warp_row() {
    return threadIdx.x / 32 % WARPS_DOWN * WARP_ROWS<ROWS>;
}

template <int COLUMNS> __device__ __forceinline__ int warp_column() {
    return threadIdx.x / 32 / WARPS_DOWN * WARP_COLUMNS<COLUMNS>;
}

// Which tile a block has: of the matrix (outer, inner) of the stack the rows and columns from `row` and `column` on.
// Tiles of the same rows are a line, counted over all matrices.
struct Tile {
    long long outer, inner, line;
    int row, column;
};

// Tiles are taken in bands of several lines, and in a band column by column: so blocks that run at once read few rows
// of a and few columns of b, which stay in the second-level cache.
constexpr int BAND = 8;  // lines; not measured

template <int ROWS, int COLUMNS> __device__ __forceinline__ Tile tile_of_block(int rows, int columns, int stack) {
    const int lines = (rows + ROWS - 1) / ROWS, across = (columns + COLUMNS - 1) / COLUMNS;
    const int matrix = blockIdx.x / (lines * across), number = blockIdx.x % (lines * across);
    const int first_line = number / (BAND * across) * BAND, height = min(BAND, lines - first_line);
    const int line = first_line + number % (BAND * across) % height, column = number % (BAND * across) / height;
    const long long line_of_all = matrix * static_cast<long long>(lines) + line;
    return {matrix / stack, matrix % stack, line_of_all, line * ROWS, column * COLUMNS};
}

// sums += a b over one step.
template <class T, int ROWS, int COLUMNS, class PanelA, class PanelB>
__device__ __forceinline__ void multiply_panels(const unsigned char* a, const unsigned char* b,
                                                Fragments<ROWS, COLUMNS>& sums) {
    constexpr int DOWN = WARP_ROWS<ROWS> / 16, ACROSS = WARP_COLUMNS<COLUMNS> / 16;
    // Floats need more registers for addresses: one slab at a time keeps them to the 128 that two blocks can have.
    constexpr int AT_ONCE = sizeof(T) == 4 && COLUMNS == 128 ? 1 : SLABS;
#pragma unroll AT_ONCE
    for (int slab = 0; slab < SLABS; ++slab) {
        // All fragments of b, and those of a one after the other: so together they take few registers.
        unsigned of_b[ACROSS][4];
#pragma unroll
        for (int j = 0; j < ACROSS; ++j) PanelB::load(of_b[j], b, warp_column<COLUMNS>(), j, slab);
#pragma unroll
        for (int i = 0; i < DOWN; ++i) {
            unsigned of_a[4];
            PanelA::load(of_a, a, warp_row<ROWS>(), i, slab);
#pragma unroll
            for (int j = 0; j < 2 * ACROSS; ++j)
                multiply<T>(sums[i][j], of_a, of_b[j / 2][j % 2], of_b[j / 2][j % 2 + 2]);
        }
    }
}

// sums += Σ a[row, k] b[k, column] over `depths` places k along the inner axis, for the numbers of this lane.
// `memory` is STAGES pairs of panels.  OfA and OfB bring panels as Chunks does, of the type OfA::Of: what `bring` has
// not written or begun to copy, `settle` writes.
template <class T, int ROWS, int COLUMNS, int STAGES, class OfA, class OfB>
__device__ __forceinline__ void sum_tile(OfA a, OfB b, int depths, unsigned char* memory,
                                         Fragments<ROWS, COLUMNS>& sums) {
    using PanelA = typename OfA::Of;
    using PanelB = typename OfB::Of;
    constexpr int STAGE_BYTES = PanelA::BYTES + PanelB::BYTES;
    const int steps = (depths + DEPTH<T> - 1) / DEPTH<T>;
    // A group for every step, also for those behind the end, so that the number of groups tells which are there.
    const auto bring = [&](int step) {
        if (step < steps) {
            unsigned char* stage = memory + step % STAGES * STAGE_BYTES;
            a.bring(stage);
            b.bring(stage + PanelA::BYTES);
        }
        end_group();
    };
#pragma unroll
    for (int step = 0; step < STAGES - 1; ++step) {
        bring(step);
        a.settle();
        b.settle();
    }
#pragma unroll 1
    for (int step = 0; step < steps; ++step) {
        wait_for_groups<STAGES - 2>();
        // The only barrier of a step: the panels that all threads have brought are there, and whoever is behind it has
        // finished the step before, whose stage is free by then.
        __syncthreads();
        bring(step + STAGES - 1);
        const unsigned char* stage = memory + step % STAGES * STAGE_BYTES;
        multiply_panels<T, ROWS, COLUMNS, PanelA, PanelB>(stage, stage + PanelA::BYTES, sums);
        a.settle();
        b.settle();
    }
}

// A lane has two neighbouring columns of a row, but is to finish N of them, and move 16 bytes at a time.  So warps turn
// their sums over in shared memory, TURNED rows at a time.
constexpr int TURNED = 32;

// With the unused columns, four rows of pairs that are written at once lie in different banks.
template <int COLUMNS> constexpr int TURNED_WIDTH = WARP_COLUMNS<COLUMNS> + 8;

// For all warps; as much as there is of panels.
template <int COLUMNS>
constexpr int TURNED_BYTES = TENSOR_THREADS<COLUMNS> / 32 * TURNED * TURNED_WIDTH<COLUMNS> * sizeof(float);

// Lanes that share a row.
template <int COLUMNS, int N> constexpr int LANES_ACROSS = WARP_COLUMNS<COLUMNS> / N;

// Where the columns of this lane begin in the tile, which are the same in all rows.
template <int COLUMNS, int N> __device__ __forceinline__ int lane_column() {
    return warp_column<COLUMNS>() + threadIdx.x % LANES_ACROSS<COLUMNS, N> * N;
}

// Calls see(row, sums) for all rows of the tile that this lane finishes, with the sums of its N columns.  `memory` is
// that of the panels.
template <int ROWS, int COLUMNS, int N, class See>
__device__ __forceinline__ void each_group(const Fragments<ROWS, COLUMNS>& sums, unsigned char* memory,
                                           const See& see) {
    constexpr int WIDTH = TURNED_WIDTH<COLUMNS>, ACROSS = LANES_ACROSS<COLUMNS, N>;
    const int lane = threadIdx.x % 32;
    float* const turned = reinterpret_cast<float*>(memory) + threadIdx.x / 32 * (TURNED * WIDTH);
    __syncthreads();  // other warps may still read panels there
#pragma unroll
    for (int first = 0; first < WARP_ROWS<ROWS>; first += TURNED) {
        if (first > 0) __syncwarp();
#pragma unroll
        for (int i = 0; i < TURNED / 8; ++i)
#pragma unroll
            for (int j = 0; j < WARP_COLUMNS<COLUMNS> / 8; ++j) {
                const float* pair = &sums[first / 16 + i / 2][j][i % 2 * 2];
                float* const to = turned + (i * 8 + lane / 4) * WIDTH + j * 8 + lane % 4 * 2;
                store<2>(to, Vector<float, 2>{pair[0], pair[1]});
            }
        __syncwarp();
#pragma unroll 1
        for (int row = lane / ACROSS; row < TURNED; row += 32 / ACROSS) {
            Vector<float, N> group = load<N>(turned + row * WIDTH + lane % ACROSS * N);
            see(warp_row<ROWS>() + first + row, group.at);
        }
    }
}
