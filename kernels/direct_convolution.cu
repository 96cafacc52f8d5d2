// The products of convolutions with few channels in a group, where tiles would be mostly empty: each thread sums by
// itself.  Shapes, sweeps and places are those of convolution.cuh.
#include "convolution.cuh"
#include "finish.cuh"
#include "reduce.cuh"

constexpr int THREADS = 256;

// y = what finish.cuh makes of weight · windows, one thread for each of its elements: blocks count the places of all
// samples first, `columns`, THREADS at a time, then rows, then groups, then phases.  The weight of a row, a channel and
// a tap of a group is at row · weight_row + channel · weight_channel + tap.  The sum is over taps, then channels.
// Instances: direct_correlate<float, float>, direct_correlate<double, double>, direct_correlate<__half, float>,
//  direct_correlate<__nv_bfloat16, __nv_bfloat16>
template <class T, class Y>
__global__ void __launch_bounds__(THREADS, 5) direct_correlate(
    const T* __restrict__ x, const T* __restrict__ weight, const struct Sweep sweep, const int* __restrict__ phases,
    int rows, int columns, int groups, long long weight_row, long long weight_channel, const T* __restrict__ bias,
    const Y* saved, const Y* residual, Y* h, Y* y, bool add) {
    const int across = (columns + THREADS - 1) / THREADS, line = blockIdx.x / across;
    const int column = blockIdx.x % across * THREADS + threadIdx.x, row = line % rows, channels = sweep.channels.by;
    const long long group = line / rows % groups;
    if (column >= columns) return;
    const Axis &front = sweep.axes[0], &high = sweep.axes[1], &wide = sweep.axes[2];
    x += group * channels * sweep.plane;
    weight += group * rows * channels * front.kernel * high.kernel * wide.kernel + row * weight_row;
    const Phase phase(phases, line / rows / groups);
    const WindowAtPlace<T> window(sweep, phase, x, column, columns, 0);
    accumulator<T> sum = 0;
    for (int i = 0; i < phase.taps[0]; ++i)
        for (int j = 0; j < phase.taps[1]; ++j)
            for (int k = 0; k < phase.taps[2]; ++k) {
                const int at[AXES] = {window.begin[0] + i * front.gap, window.begin[1] + j * high.gap,
                                      window.begin[2] + k * wide.gap};
                const int element = element_at<&Axis::extent>(sweep, at);
                const int seen = element < 0 ? 0 : channels;
                const int plane = phase.first_tap[0] + i * front.tap_step;
                const int line = plane * high.kernel + phase.first_tap[1] + j * high.tap_step;
                const T* of_tap = weight + line * wide.kernel + phase.first_tap[2] + k * wide.tap_step;
                for (int channel = 0; channel < seen; ++channel)
                    sum += widened(of_tap[channel * weight_channel])
                           * widened(window.sample[channel * sweep.plane + element]);
            }
    const RowsOfPlaces<T, Y, 1> finish(sweep, phase, group, rows, bias, saved, residual, h, y, add);
    finish(row, column, 1, &sum);
}

// parts[part, i] = the sum, over a part of the places of all samples, behind element i of the weight's gradient, for
// dweight (groups, rows, columns) with columns as weights have them, channels and then taps.  Block (i, part) adds it;
// depths is the number of places, `length` that of a part.
template <class T>
__global__ void __launch_bounds__(THREADS) direct_weigh(
    const T* __restrict__ dy, const T* __restrict__ x, accumulator<T>* parts, const struct Sweep sweep,
    const int* __restrict__ phases, int rows, int columns, int depths, int length) {
    const int column = blockIdx.x % columns, line = blockIdx.x / columns;
    const int first = blockIdx.y * length, end = first + min(length, depths - first);
    const long long group = line / rows;
    const ChannelOverPlaces<T> of_dy(sweep, dy, line, line + 1, end);
    x += group * sweep.channels.by * sweep.plane;
    const TapOverPlaces<T> of_x(sweep, Phase(phases, 0), x, column, columns, end);
    accumulator<T> sum = 0;
    for (int depth = first + threadIdx.x; depth < end; depth += THREADS)
        sum += widened(of_dy.template look<1>(depth).at[0]) * widened(of_x.template look<1>(depth).at[0]);
    sum = team_sum<THREADS>(sum);
    if (threadIdx.x == 0) parts[blockIdx.y * static_cast<long long>(gridDim.x) + blockIdx.x] = sum;
}
