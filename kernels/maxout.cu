// The largest of `pieces` neighbours along an axis, and the gradient, which goes to the first of the largest.
//
// Shapes: x, dx (before * n, pieces, after), y, dy and which (before * n, after) of `size` elements.
// Both kernels: thread i of the grid has element i of y, and the pieces that it is the largest of, which lie `after`
// elements apart.
#include "grid.cuh"
#include "storage.cuh"

constexpr int THREADS = 256;

// Where the first of the pieces of element i lies.
__device__ __forceinline__ long long first_piece(long long i, int pieces, long long after) {
    return i / after * pieces * after + i % after;
}

// y = max over k of x[k], which = the first k that has it.  A NaN among the pieces makes y NaN, as in NumPy.
template <class T>
__global__ void __launch_bounds__(THREADS)
    maxout_forward(const T* __restrict__ x, T* __restrict__ y, unsigned char* __restrict__ which, long long size,
                   int pieces, long long after) {
    using A = accumulator<T>;
    const long long i = thread_of_grid();
    if (i >= size) return;
    const long long first = first_piece(i, pieces, after);
    A largest = widened(x[first]);
    int place = 0;
    for (int k = 1; k < pieces; ++k) {
        const A piece = widened(x[first + k * after]);
        if (piece > largest) place = k;
        if (piece > largest || piece != piece) largest = piece;
    }
    y[i] = stored<T>(largest);
    which[i] = static_cast<unsigned char>(place);
}

// dx[k] = dy where which is k, else 0.
template <class T>
__global__ void __launch_bounds__(THREADS)
    maxout_backward(const T* __restrict__ dy, const unsigned char* __restrict__ which, T* __restrict__ dx,
                    long long size, int pieces, long long after) {
    const long long i = thread_of_grid();
    if (i >= size) return;
    const long long first = first_piece(i, pieces, after);
    const T gradient = dy[i], nothing = stored<T>(0);
    const int place = which[i];
    for (int k = 0; k < pieces; ++k) dx[first + k * after] = k == place ? gradient : nothing;
}
