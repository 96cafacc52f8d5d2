// Inverted dropout: draw, mask and product in one launch.
//
// Both kernels: thread i of the grid has elements 4i .. 4i + 3 of n, the four words of counter i; x, y and the mask are
// moved four elements at a time.  y may be x, and dx may be dy: a thread reads its elements before it writes them.
#include "fours.cuh"
#include "grid.cuh"
#include "philox.cuh"

constexpr int THREADS = 256;

// mask = word >= threshold, y = x mask scale; an x that is not finite stays what it is times 0, as in NumPy.
template <class T>
__global__ void __launch_bounds__(THREADS)
    dropout_forward(const T* x, T* y, unsigned char* __restrict__ mask, long long n,
                    const unsigned long long* __restrict__ seed, unsigned long long seed_number,
                    const unsigned long long* __restrict__ step, unsigned long long step_number, unsigned node,
                    unsigned threshold, accumulator<T> scale) {
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    Four<T> elements = load_four(x, 4 * i, n);
    const Words words = drawn(static_cast<unsigned>(i), node, given(step, step_number), given(seed, seed_number));
    Four<unsigned char> kept;
#pragma unroll
    for (int k = 0; k < 4; ++k) {
        kept.at[k] = words.at[k] >= threshold;
        elements.at[k] = stored<T>(widened(elements.at[k]) * static_cast<accumulator<T>>(kept.at[k]) * scale);
    }
    store_four(mask, 4 * i, n, kept);
    store_four(y, 4 * i, n, elements);
}

// dx = dy mask scale.
template <class T>
__global__ void __launch_bounds__(THREADS)
    dropout_backward(const T* dy, const unsigned char* __restrict__ mask, T* dx, long long n, accumulator<T> scale) {
    const long long i = thread_of_grid();
    if (4 * i >= n) return;
    Four<T> elements = load_four(dy, 4 * i, n);
    const Four<unsigned char> kept = load_four(mask, 4 * i, n);
#pragma unroll
    for (int k = 0; k < 4; ++k)
        elements.at[k] = stored<T>(widened(elements.at[k]) * static_cast<accumulator<T>>(kept.at[k]) * scale);
    store_four(dx, 4 * i, n, elements);
}
