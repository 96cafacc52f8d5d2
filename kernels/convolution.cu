// The products of convolutions on ordinary cores, without a buffer of windows: see convolution.cuh.
//
// x (samples, groups · channels, *extents), y (samples, groups · rows, *places), both contiguous, for up to three axes.
// Tiles, sums and their order are those of matmul_tile.cuh.  Blocks along x have one tile each: first columns, then
// rows, then groups, then phases.
#include "convolution.cuh"
#include "finish.cuh"
#include "matmul_tile.cuh"

// How many blocks are to fit a multiprocessor at once.
template <class T> constexpr int LOOKING = sizeof(T) == 8 ? 1 : 2;

// A source as the factor of a product: of every step, a thread has GROUP depths of its line.
template <class Source, int TILE> struct Looked {
    using A = accumulator<typename Source::Element>;
    Source source;
    int depth;  // of the next group

    static __device__ __forceinline__ int line() { return threadIdx.x % TILE; }
    static __device__ __forceinline__ int first() { return threadIdx.x / TILE * GROUP; }

    __device__ __forceinline__ Looked(const Source& source, int first_depth)
        : source(source), depth(first_depth + first()) {}

    __device__ __forceinline__ Vector<A, GROUP> next() {
        const auto seen = source.template look<GROUP>(depth);
        Vector<A, GROUP> group;
#pragma unroll
        for (int i = 0; i < GROUP; ++i) group.at[i] = widened(seen.at[i]);
        depth += STEP<TILE>;
        return group;
    }

    __device__ __forceinline__ void put(Stage<A, TILE>& stage, Vector<A, GROUP> group) const {
#pragma unroll
        for (int i = 0; i < GROUP; ++i) stage[first() + i][line() / GROUP].at[line() % GROUP] = group.at[i];
    }
};

// The weights in the order in which products take them: turned (phases, groups, rows, taps, channels), with 0 for taps
// that a phase lacks.  Of `weight` the element of a row, a channel and a tap of a group is at row · weight_row +
// channel · weight_channel + tap.  Every thread has one of the `size` elements of turned.
template <class T>
__global__ void __launch_bounds__(PRODUCT_THREADS) convolution_turn(
    const T* __restrict__ weight, T* __restrict__ turned, const struct Sweep sweep, const int* __restrict__ phases,
    int groups, int rows, int taps, long long weight_row, long long weight_channel, long long size) {
    const long long number = static_cast<long long>(blockIdx.x) * PRODUCT_THREADS + threadIdx.x;
    if (number >= size) return;
    const int channels = sweep.channels.by, channel = number % channels, tap = number / channels % taps;
    const long long line = number / channels / taps;
    const int row = line % rows, group = line / rows % groups;
    const Phase phase(phases, line / rows / groups);
    int along[AXES], place = 0, kernel = 1;
    split<&Axis::taps>(sweep, tap, along);
    bool exists = true;
#pragma unroll
    for (int i = 0; i < AXES; ++i) {
        exists = exists && along[i] < phase.taps[i];
        place = place * sweep.axes[i].kernel + phase.first_tap[i] + along[i] * sweep.axes[i].tap_step;
        kernel *= sweep.axes[i].kernel;
    }
    weight += static_cast<long long>(group) * rows * channels * kernel + row * weight_row + channel * weight_channel;
    turned[number] = exists ? weight[place] : stored<T>(0);
}

// y = what finish.cuh makes of weight · windows, for every phase and group weight (rows, inner), with its inner axis in
// the order of taps, then channels, and windows (inner, columns): the places of all samples are columns of one product,
// so that tiles are full where images are small.  h, saved and residual are like y; bias (groups · rows,).
// Instances: convolution_correlate<float, float, 128 | 64>, convolution_correlate<double, double, 64>,
//  convolution_correlate<__half, __half, 64>, convolution_correlate<__nv_bfloat16, float, 64>
template <class T, class Y, int TILE>
__global__ void __launch_bounds__(PRODUCT_THREADS, LOOKING<T>) convolution_correlate(
    const T* __restrict__ x, const T* __restrict__ weight, const struct Sweep sweep, const int* __restrict__ phases,
    int rows, int columns, int inner, int groups, const T* __restrict__ bias, const Y* saved, const Y* residual, Y* h,
    Y* y, bool add) {
    using Windows = WindowAtPlace<T>;
    using Factor = Looked<Windows, TILE>;
    const Tile tile = tile_of_block<TILE, TILE>(rows, columns, groups);
    x += tile.inner * sweep.channels.by * sweep.plane;
    weight += (tile.outer * groups + tile.inner) * rows * inner;
    const Phase phase(phases, tile.outer);
    Sums<accumulator<T>, TILE> products = {};
    const Windows windows(sweep, phase, x, tile.column + Factor::line(), columns, inner);
    add_product<TILE>(Groups<T, TILE, true>(weight, tile.row, rows, 0, inner, inner, 1), Factor(windows, 0),
                      phase.has_taps() ? inner : 0, products);

    const RowsOfPlaces<T, Y, GROUP> finish(sweep, phase, tile.inner, rows, bias, saved, residual, h, y, add);
    each_group<TILE>(tile, rows, columns, products, [&](int row, int column, int count, accumulator<T>* group, int) {
        finish(row, column, count, group);
    });
}

// The sums of dy · windowsᵀ over parts of the places of all samples: block (x, y) has part y, `length` long, of tile x.
// For every group dy (rows, depths), windows (columns, depths) with columns as weights have them, channels and then
// taps; parts (parts, groups, rows, columns), which matmul_total of matmul.cu adds in order.
// Instances: convolution_weigh<float | double | __half, 64>
template <class T, int TILE>
__global__ void __launch_bounds__(PRODUCT_THREADS, LOOKING<T>) convolution_weigh(
    const T* __restrict__ dy, const T* __restrict__ x, accumulator<T>* parts, const struct Sweep sweep,
    const int* __restrict__ phases, int rows, int columns, int depths, int length, int groups) {
    using Channels = ChannelOverPlaces<T>;
    using Windows = TapOverPlaces<T>;
    const Tile tile = tile_of_block<TILE, TILE>(rows, columns, groups);
    x += tile.inner * sweep.channels.by * sweep.plane;
    dy += tile.inner * rows * sweep.y_plane;
    const int first = blockIdx.y * length, end = first + min(length, depths - first);
    const Channels channels(sweep, dy, tile.row + Looked<Channels, TILE>::line(), rows, end);
    const Windows windows(sweep, Phase(phases, 0), x, tile.column + Looked<Windows, TILE>::line(), columns, end);
    Sums<accumulator<T>, TILE> products = {};
    add_product<TILE>(Looked<Channels, TILE>(channels, first), Looked<Windows, TILE>(windows, first), end - first,
                      products);

    const long long matrix = (blockIdx.y * static_cast<long long>(groups) + tile.inner) * rows;
    each_group<TILE>(tile, rows, columns, products, [&](int row, int column, int count, const auto* group, int) {
        accumulator<T>* at = parts + (matrix + row) * columns + column;
#pragma unroll
        for (int i = 0; i < GROUP; ++i)
            if (i < count) at[i] = group[i];
    });
}
