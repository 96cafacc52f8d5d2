// Batches of a data set that lies on the device, in order or shuffled, by the numbers of batch and epoch that lie there
// too: a captured step takes the next batch without a word from the host.
#include "permutation.cuh"
#include "storage.cuh"

constexpr int THREADS = 256;

// An element as it is, or rounded to a half type.
template <class T, class S> __device__ __forceinline__ T converted(S x) {
    if constexpr (sizeof(T) == sizeof(S)) return x;
    else return stored<T>(widened(x));
}

// y[i] = x[π(batch · count + i)], π the permutation of the epoch, or where not shuffled x[batch · count + i], for
// x (rows, width) and y (count, width).  Rows of y beyond the last one of x stay as they are.
// Threads (x, y) of a block: row blockIdx.x * blockDim.y + y of y, N neighbouring elements at a time, which x and
// gridDim.y share out.  Each thread computes the place of its row by itself, which takes no exchange.
// Instances: resident_take<unsigned char, unsigned char, 1>, resident_take<unsigned short, unsigned short, 1>,
//  resident_take<unsigned, unsigned, 1 | 2 | 4>, resident_take<float, __half | __nv_bfloat16, 1 | 2 | 4>
template <class S, class T, int N>
__global__ void __launch_bounds__(THREADS) resident_take(
    const S* __restrict__ x, T* __restrict__ y, const unsigned long long* __restrict__ seed,
    const unsigned long long* __restrict__ epoch, const unsigned long long* __restrict__ batch, int rows, int count,
    int width, int half, bool shuffle) {
    const long long row = blockIdx.x * static_cast<long long>(blockDim.y) + threadIdx.y;
    if (row >= count) return;
    const unsigned long long place = *batch * count + row;
    if (place >= rows) return;
    const unsigned number = static_cast<unsigned>(place);
    const long long source = shuffle ? permuted(number, rows, half, *seed, *epoch) : number;
    const S* from = x + source * width;
    T* to = y + row * width;
    for (int piece = blockIdx.y * blockDim.x + threadIdx.x; piece < width / N; piece += gridDim.y * blockDim.x) {
        const Vector<S, N> taken = load<N>(from, piece);
        Vector<T, N> given;
#pragma unroll
        for (int k = 0; k < N; ++k) given.at[k] = converted<T>(taken.at[k]);
        store<N>(to, piece, given);
    }
}

// batch () += 1, and after the last of `batches` 0, with epoch () += 1, by one thread.
__global__ void __launch_bounds__(1) resident_advance(
    unsigned long long* __restrict__ batch, unsigned long long* __restrict__ epoch, unsigned long long batches) {
    const unsigned long long next = *batch + 1;
    *batch = next < batches ? next : 0;
    if (next >= batches) *epoch += 1;
}
