// Elements of rows by index, and the gradient: each element sums what was taken from it, always in the same order.
//
// Shapes: x, dx (rows, width); index, y, dy (rows, picks).
#include "storage.cuh"

constexpr int THREADS = 256;

// y[r, j] = x[r, index[r, j]].
// Threads (x, y) of a block: row blockIdx.x * blockDim.y + y, of which x and gridDim.y share out the picks.
// Instances: gather_forward<float | double | __half | __nv_bfloat16, int | long long>
template <class T, class I>
__global__ void __launch_bounds__(THREADS)
    gather_forward(const T* __restrict__ x, const I* __restrict__ index, T* __restrict__ y, int rows, int width,
                   int picks) {
    const long long row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= rows) return;
    const T* from = x + row * width;
    for (int j = blockIdx.y * blockDim.x + threadIdx.x; j < picks; j += gridDim.y * blockDim.x)
        y[row * picks + j] = from[index[row * picks + j]];
}

// dx[r, c] (+)= the sum of dy[r, j] over all j with index[r, j] = c, in the order of j.
// Threads (x, y) of a block: row blockIdx.x * blockDim.y + y, of which x and gridDim.y share out the columns c.  For
// its column a thread looks at every pick of the row; the threads of a row load blockDim.x of them at a time.
// Instances: gather_backward<float | double | __half | __nv_bfloat16, int | long long>
template <class T, class I>
__global__ void __launch_bounds__(THREADS)
    gather_backward(const T* __restrict__ dy, const I* __restrict__ index, T* __restrict__ dx, int rows, int width,
                    int picks, bool add) {
    using A = accumulator<T>;
    __shared__ int columns[THREADS];
    __shared__ A terms[THREADS];
    const long long row = blockIdx.x * blockDim.y + threadIdx.y;
    const int first = threadIdx.y * blockDim.x, mine = first + threadIdx.x;
    const int stride = gridDim.y * blockDim.x;
    for (int begin = blockIdx.y * blockDim.x; begin < width; begin += stride) {
        const int c = begin + threadIdx.x;
        const bool writes = row < rows && c < width;
        A sum = writes && add ? widened(dx[row * width + c]) : A(0);
        for (int start = 0; start < picks; start += blockDim.x) {
            const int j = start + threadIdx.x;
            const bool loads = row < rows && j < picks;
            __syncthreads();  // all have used the picks before
            columns[mine] = loads ? static_cast<int>(index[row * picks + j]) : -1;
            terms[mine] = loads ? widened(dy[row * picks + j]) : A(0);
            __syncthreads();
            for (int k = first; k < first + static_cast<int>(blockDim.x); ++k)
                if (columns[k] == c) sum += terms[k];
        }
        if (writes) dx[row * width + c] = stored<T>(sum);
    }
}
