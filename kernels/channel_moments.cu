// The mean of each channel of x (batch, channels, places), and the sum of squared deviations from it.
//
// Nothing is squared before something near the mean was subtracted, so that digits are not lost where the mean is large:
// a thread subtracts the first element that it has; threads, and then blocks, are combined by their means (Chan, Golub
// and LeVeque, 1983), all of which are counted from the first element of the channel.
#include "planes.cuh"

// For each piece of a channel: away = its mean - the first element of the channel, around = Σ (x - mean)².
// Shapes: x (batch, channels, places); away, around (channels, pieces).  See planes.cuh for who has what; blockIdx.y is
// the piece, of `length` samples.
// Instances: channel_moments_pieces<float | double | __half | __nv_bfloat16, 1, 32>,
//  channel_moments_pieces<float | double | __half | __nv_bfloat16, 32, 1 | 8>,
//  channel_moments_pieces<float | double | __half | __nv_bfloat16, 256, 1>
template <class T, int TEAM, int ACROSS>
__global__ void __launch_bounds__(THREADS<TEAM>, 1) channel_moments_pieces(
    const T* __restrict__ x, accumulator<T>* __restrict__ away, accumulator<T>* __restrict__ around, int batch,
    int channels, int places, int length) {
    using A = accumulator<T>;
    const int channel = channel_of_thread<TEAM, ACROSS>();
    const bool exists = channel < channels;
    const Piece piece = piece_of_block(batch, length);
    A first = 0, sum = 0, squares = 0;
    int count = 0;
    if (exists) {
        each_plane<TEAM, ACROSS>(piece, channel, channels, places, [&](long long offset) {
            each<TEAM>(x + offset, places, [&](A element) {
                if (count == 0) first = element;
                const A difference = element - first;
                sum += difference;
                squares += difference * difference;
                ++count;
            });
        });
    }
    const A zero = exists ? widened(x[static_cast<long long>(channel) * places]) : A(0);
    const A own_away = count ? first - zero + sum / count : A(0);
    const A own_around = count ? squares - sum / count * sum : A(0);
    const A all = static_cast<A>(piece.to - piece.from) * places;

    const A mean_away = channel_sum<TEAM, ACROSS>(own_away * count) / all;
    const A difference = own_away - mean_away;
    const A total_around = channel_sum<TEAM, ACROSS>(own_around + difference * difference * count);
    if (is_writer<TEAM, ACROSS>() && exists) {
        away[static_cast<long long>(channel) * gridDim.y + blockIdx.y] = mean_away;
        around[static_cast<long long>(channel) * gridDim.y + blockIdx.y] = total_around;
    }
}

// center = the mean of all pieces and squares = the sum of squared deviations from it; a warp combines a channel.
// Shapes: x (batch, channels, places), of which only first elements are read; away, around (channels, pieces), of which
// each piece but the last has `length` samples; center, squares (channels,).
template <class T>
__global__ void __launch_bounds__(THREADS<WARP>, 1) channel_moments_all(
    const T* __restrict__ x, const accumulator<T>* __restrict__ away, const accumulator<T>* __restrict__ around,
    accumulator<T>* __restrict__ center, accumulator<T>* __restrict__ squares, int batch, int channels, int places,
    int pieces, int length) {
    using A = accumulator<T>;
    const int lane = threadIdx.x % WARP;
    const long long channel = first_row<WARP>();
    if (channel >= channels) return;  // for whole warps at once
    away += channel * pieces;
    around += channel * pieces;
    const int last = batch - (pieces - 1) * length;

    A sum = 0;
    for (int i = lane; i < pieces; i += WARP) sum += away[i] * (i + 1 < pieces ? length : last);
    const A mean_away = team_sum<WARP>(sum) / batch;
    A total = 0;
    for (int i = lane; i < pieces; i += WARP) {
        const A difference = away[i] - mean_away;
        total += around[i] + difference * difference * (i + 1 < pieces ? length : last) * places;
    }
    total = team_sum<WARP>(total);
    if (lane == 0) {
        center[channel] = widened(x[channel * places]) + mean_away;
        squares[channel] = total;
    }
}
