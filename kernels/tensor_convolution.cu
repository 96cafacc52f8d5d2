// The products of convolutions on tensor cores, without a buffer of windows: see convolution.cuh.
//
// Shapes are those of convolution.cu; sums are of float, and factors that are float are rounded to tf32.  Blocks along
// x have one tile each, of tensor_tile.cuh, phase by phase.
#include "convolution.cuh"
#include "finish.cuh"
#include "tensor_tile.cuh"

// A source as the factor of a product: of every panel, a thread has some chunks of its line.  Single elements cannot be
// copied without waiting for them: they are in registers while a panel is multiplied, and go to shared memory then.
template <class Source, int LINES, int THREADS> struct Looked {
    using T = typename Source::Element;
    using Of = Panel<T, LINES, true>;
    static constexpr int APART = THREADS / LINES;              // chunks from one to the next
    static constexpr int COUNT = Of::ROW_CHUNKS / APART;       // of this thread in a panel

    Source source;
    int depth;              // of the next panel
    unsigned char* panel;   // to which `held` belongs; null where that is nothing
    Vector<T, CHUNK<T>> held[COUNT];

    static __device__ __forceinline__ int line() { return threadIdx.x % LINES; }
    static __device__ __forceinline__ int chunk(int i) { return threadIdx.x / LINES + i * APART; }

    __device__ __forceinline__ Looked(const Source& source, int first_depth)
        : source(source), depth(first_depth), panel(nullptr) {}

    __device__ __forceinline__ void bring(unsigned char* to) {
        panel = to;
#pragma unroll
        for (int i = 0; i < COUNT; ++i) held[i] = source.template look<CHUNK<T>>(depth + chunk(i) * CHUNK<T>);
        depth += DEPTH<T>;
    }

    __device__ __forceinline__ void settle() {
        if (!panel) return;
#pragma unroll
        for (int i = 0; i < COUNT; ++i)
            store<CHUNK<T>>(reinterpret_cast<T*>(panel + Of::place(line(), chunk(i))), held[i]);
        panel = nullptr;
    }
};

// As convolution_correlate.
// Instances: tensor_correlate<float, float, 128, 128, 3>, tensor_correlate<float, float, 64, 64, 4>,
//  tensor_correlate<__half, __half, 128, 128, 3>, tensor_correlate<__nv_bfloat16, float, 64, 64, 4>
template <class T, class Y, int ROWS, int COLUMNS, int STAGES>
__global__ void __launch_bounds__(TENSOR_THREADS<COLUMNS>, TENSOR_BLOCKS<COLUMNS>) tensor_correlate(
    const T* __restrict__ x, const T* __restrict__ weight, const struct Sweep sweep, const int* __restrict__ phases,
    int rows, int columns, int inner, int groups, const T* __restrict__ bias, const Y* saved, const Y* residual, Y* h,
    Y* y, bool add) {
    using Windows = WindowAtPlace<T>;
    using Factor = Looked<Windows, COLUMNS, TENSOR_THREADS<COLUMNS>>;
    constexpr int N = CHUNK<Y>;  // columns that a lane finishes at a time
    static_assert(TURNED_BYTES<COLUMNS> <= STAGES * (ROWS + COLUMNS) * STEP_BYTES, "sums do not fit where panels were");
    extern __shared__ __align__(128) unsigned char memory[];
    const Tile tile = tile_of_block<ROWS, COLUMNS>(rows, columns, groups);
    x += tile.inner * sweep.channels.by * sweep.plane;
    weight += (tile.outer * groups + tile.inner) * rows * inner;
    const Phase phase(phases, tile.outer);
    Fragments<ROWS, COLUMNS> products = {};
    sum_tile<T, ROWS, COLUMNS, STAGES>(
        Chunks<T, ROWS, true, TENSOR_THREADS<COLUMNS>>(weight, tile.row, rows, 0, inner, inner, 1),
        Factor(Windows(sweep, phase, x, tile.column + Factor::line(), columns, inner), 0),
        phase.has_taps() ? inner : 0, memory, products);

    const RowsOfPlaces<T, Y, N> finish(sweep, phase, tile.inner, rows, bias, saved, residual, h, y, add);
    const int column = tile.column + lane_column<COLUMNS, N>(), count = min(N, columns - column);
    each_group<ROWS, COLUMNS, N>(products, memory, [&](int row_of_tile, float* group) {
        const int row = tile.row + row_of_tile;
        if (row < rows && count > 0) finish(row, column, count, group);
    });
}

// As convolution_weigh.
// Instances: tensor_weigh<float | __half, 64, 64, 4>
template <class T, int ROWS, int COLUMNS, int STAGES>
__global__ void __launch_bounds__(TENSOR_THREADS<COLUMNS>, TENSOR_BLOCKS<COLUMNS>) tensor_weigh(
    const T* __restrict__ dy, const T* __restrict__ x, float* parts, const struct Sweep sweep,
    const int* __restrict__ phases, int rows, int columns, int depths, int length, int groups) {
    using Channels = ChannelOverPlaces<T>;
    using Windows = TapOverPlaces<T>;
    using OfDy = Looked<Channels, ROWS, TENSOR_THREADS<COLUMNS>>;
    using OfX = Looked<Windows, COLUMNS, TENSOR_THREADS<COLUMNS>>;
    constexpr int N = CHUNK<float>;
    extern __shared__ __align__(128) unsigned char memory[];
    const Tile tile = tile_of_block<ROWS, COLUMNS>(rows, columns, groups);
    x += tile.inner * sweep.channels.by * sweep.plane;
    dy += tile.inner * rows * sweep.y_plane;
    const int first = blockIdx.y * length, end = first + min(length, depths - first);
    const Channels channels(sweep, dy, tile.row + OfDy::line(), rows, end);
    const Windows windows(sweep, Phase(phases, 0), x, tile.column + OfX::line(), columns, end);
    Fragments<ROWS, COLUMNS> products = {};
    sum_tile<T, ROWS, COLUMNS, STAGES>(OfDy(channels, first), OfX(windows, first), end - first, memory, products);

    const long long matrix = (blockIdx.y * static_cast<long long>(groups) + tile.inner) * rows;
    const int column = tile.column + lane_column<COLUMNS, N>(), count = min(N, columns - column);
    each_group<ROWS, COLUMNS, N>(products, memory, [&](int row_of_tile, const float* group) {
        const int row = tile.row + row_of_tile;
        if (row >= rows) return;
        float* at = parts + (matrix + row) * columns + column;
#pragma unroll
        for (int i = 0; i < N; ++i)
            if (i < count) at[i] = group[i];
    });
}
