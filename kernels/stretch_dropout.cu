// Dropout of whole stretches, such as the channels of images: draw, mask and product in one launch.
//
// Shapes: x, y, dy, dx (count, length), mask (count,).
// Both kernels: threads (x, y) of a block have stretch blockIdx.x * blockDim.y + y, of whose elements x and gridDim.y
// take turns.  y may be x, and dx may be dy: a thread reads an element before it writes it.
#include "philox.cuh"
#include "storage.cuh"

constexpr int THREADS = 256;

// mask[r] = word r >= threshold, y = x mask scale.  Every thread of a stretch draws its word; the first one notes it.
template <class T>
__global__ void __launch_bounds__(THREADS)
    stretch_dropout_forward(const T* x, T* y, unsigned char* __restrict__ mask, long long count, long long length,
                            const unsigned long long* __restrict__ seed, unsigned long long seed_number,
                            const unsigned long long* __restrict__ step, unsigned long long step_number, unsigned node,
                            unsigned threshold, accumulator<T> scale) {
    using A = accumulator<T>;
    const long long stretch = blockIdx.x * static_cast<long long>(blockDim.y) + threadIdx.y;
    if (stretch >= count) return;
    const unsigned block = static_cast<unsigned>(stretch / 4);
    const Words words = drawn(block, node, given(step, step_number), given(seed, seed_number));
    const unsigned low = stretch % 2 ? words.at[1] : words.at[0], high = stretch % 2 ? words.at[3] : words.at[2];
    const bool kept = (stretch % 4 < 2 ? low : high) >= threshold;
    if (blockIdx.y == 0 && threadIdx.x == 0) mask[stretch] = kept;
    const long long first = blockIdx.y * static_cast<long long>(blockDim.x) + threadIdx.x;
    for (long long i = first; i < length; i += gridDim.y * static_cast<long long>(blockDim.x)) {
        const long long at = stretch * length + i;
        y[at] = stored<T>(widened(x[at]) * static_cast<A>(kept) * scale);
    }
}

// dx = dy mask scale.
template <class T>
__global__ void __launch_bounds__(THREADS)
    stretch_dropout_backward(const T* dy, const unsigned char* __restrict__ mask, T* dx, long long count,
                             long long length, accumulator<T> scale) {
    using A = accumulator<T>;
    const long long stretch = blockIdx.x * static_cast<long long>(blockDim.y) + threadIdx.y;
    if (stretch >= count) return;
    const A kept = static_cast<A>(mask[stretch]);
    const long long first = blockIdx.y * static_cast<long long>(blockDim.x) + threadIdx.x;
    for (long long i = first; i < length; i += gridDim.y * static_cast<long long>(blockDim.x)) {
        const long long at = stretch * length + i;
        dx[at] = stored<T>(widened(dy[at]) * kept * scale);
    }
}
