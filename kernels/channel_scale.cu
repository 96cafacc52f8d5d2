// A scale and a shift for each channel, y = f(h) with h = (x - center) scale + shift, and gradients; f and f' come from
// activation.cuh.  Backward computes h anew instead of reading it.
//
// Shapes: x, y, dy, dx (batch, channels, places), of which `rows` = batch · channels planes; numbers of channels
// (channels,), of the type that computes.
#include "activation.cuh"
#include "planes.cuh"

// y = f(h); y may be x.  A team of TEAM threads handles a plane, then the next but as many as there are in the grid.
// Instances: channel_scale_forward<float | double | __half | __nv_bfloat16, 1 | 32 | 256>
template <class T, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, 1) channel_scale_forward(
    const T* x, const accumulator<T>* __restrict__ center, const accumulator<T>* __restrict__ scale,
    const accumulator<T>* __restrict__ shift, T* y, long long rows, int channels, int places) {
    using A = accumulator<T>;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const int channel = row % channels;
        const A mean = center[channel], factor = scale[channel], term = shift[channel];
        map<TEAM>(x + row * places, y + row * places, places, [&](A element) {
            return activation((element - mean) * factor + term);
        });
    }
}

// With dh = dy f'(h), for each channel and piece of the samples: dshift = Σ dh, dscale = Σ dh (x - center).
// Shapes: dscale, dshift (pieces, channels).  See planes.cuh for who has what; blockIdx.y is the piece, of `length` samples.
// Instances: channel_scale_sums<float | double | __half | __nv_bfloat16, 1, 32>,
//  channel_scale_sums<float | double | __half | __nv_bfloat16, 32, 1 | 8>,
//  channel_scale_sums<float | double | __half | __nv_bfloat16, 256, 1>
template <class T, int TEAM, int ACROSS>
__global__ void __launch_bounds__(THREADS<TEAM>, 1) channel_scale_sums(
    const T* __restrict__ dy, const T* __restrict__ x, const accumulator<T>* __restrict__ center,
    const accumulator<T>* __restrict__ scale, const accumulator<T>* __restrict__ shift,
    accumulator<T>* __restrict__ dscale, accumulator<T>* __restrict__ dshift, int batch, int channels, int places,
    int length) {
    using A = accumulator<T>;
    const int channel = channel_of_thread<TEAM, ACROSS>();
    const bool exists = channel < channels;
    A by_scale = 0, by_shift = 0;
    if (exists) {
        const A mean = center[channel], factor = scale[channel], term = shift[channel];
        each_plane<TEAM, ACROSS>(piece_of_block(batch, length), channel, channels, places, [&](long long offset) {
            each<TEAM>(dy + offset, x + offset, places, [&](A slope, A element) {
                const A difference = element - mean;
                const A dh = slope * activation_slope(difference * factor + term);
                by_shift += dh;
                by_scale += dh * difference;
            });
        });
    }
    by_scale = channel_sum<TEAM, ACROSS>(by_scale);
    by_shift = channel_sum<TEAM, ACROSS>(by_shift);
    if (is_writer<TEAM, ACROSS>() && exists) {
        dscale[static_cast<long long>(blockIdx.y) * channels + channel] = by_scale;
        dshift[static_cast<long long>(blockIdx.y) * channels + channel] = by_shift;
    }
}

// dx = scale dy f'(h) - offset - (x - center) tilt, or dx + that; offset and tilt may be null, both of them; dx may be dy or x.
// A team of TEAM threads handles a plane, then the next but as many as there are teams in the grid.
// Instances: channel_scale_backward<float | double | __half | __nv_bfloat16, 1 | 32 | 256>
template <class T, int TEAM>
__global__ void __launch_bounds__(THREADS<TEAM>, 1) channel_scale_backward(
    const T* dy, const T* x, const accumulator<T>* __restrict__ center,
    const accumulator<T>* __restrict__ scale, const accumulator<T>* __restrict__ shift,
    const accumulator<T>* __restrict__ offset, const accumulator<T>* __restrict__ tilt, T* dx,
    long long rows, int channels, int places, bool add) {
    using A = accumulator<T>;
    for (long long row = first_row<TEAM>(); row < rows; row += row_step<TEAM>()) {
        const int channel = row % channels;
        const A mean = center[channel], factor = scale[channel], term = shift[channel];
        const A below = offset ? offset[channel] : A(0), turn = tilt ? tilt[channel] : A(0);
        const T *slopes = dy + row * places, *elements = x + row * places;
        T* results = dx + row * places;
        const bool aligned = alike(slopes, elements) && alike(slopes, results);
        visit_row(slopes, aligned, places, int(threadIdx.x % TEAM), TEAM, [&](auto at) {
            constexpr int N = decltype(at)::size;
            const Vector<T, N> slope = load(slopes, at), element = load(elements, at);
            Vector<T, N> result;
            if (add) result = load(results, at);
#pragma unroll
            for (int k = 0; k < N; ++k) {
                const A difference = widened(element.at[k]) - mean;
                const A dh = widened(slope.at[k]) * activation_slope(difference * factor + term);
                const A own = factor * dh - below - difference * turn;
                result.at[k] = stored<T>(add ? widened(result.at[k]) + own : own);
            }
            store(results, at, result);
        });
    }
}
