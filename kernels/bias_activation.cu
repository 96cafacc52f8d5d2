// What follows a product, y = f(x + bias), and its gradients; f and f' come from epilogue.cuh.
//
// Arrays are contiguous rows of `columns` elements.  A block has 32 x 8 threads: along x they have WIDTH neighbouring
// columns each, along y every eighth of the rows of the block, whose distance is gridDim.y * 8.  So a thread stays in
// its columns, and its loads are whole vectors: the caller takes WIDTH > 1 only where rows and addresses are aligned.
#include "epilogue.cuh"
#include "storage.cuh"

constexpr int LANES = 32, LINES = 8, THREADS = LANES * LINES;

// h = x + bias and y = f(h), for x, h and y (rows, columns) and bias (columns,).  Bias and h may be null, and x may be
// h or y: every thread writes only where it has read.
// Instances: bias_activation_forward<float, 1 | 4>, bias_activation_forward<double, 1 | 2>,
//  bias_activation_forward<__half | __nv_bfloat16, 1 | 8>
template <class T, int WIDTH>
__global__ void __launch_bounds__(THREADS)
    bias_activation_forward(const T* x, const T* __restrict__ bias, T* h, T* y, int rows, int columns) {
    using Elements = Vector<T, WIDTH>;
    const long long vectors = columns / WIDTH, column = blockIdx.x * static_cast<long long>(LANES) + threadIdx.x;
    if (column >= vectors) return;
    Vector<accumulator<T>, WIDTH> own_bias = {};
#pragma unroll
    for (int i = 0; i < WIDTH; ++i)
        if (bias) own_bias.at[i] = widened(bias[column * WIDTH + i]);
    for (long long row = blockIdx.y * LINES + threadIdx.y; row < rows; row += gridDim.y * LINES) {
        const long long at = row * vectors + column;
        Elements elements = load<WIDTH>(x, at), sums;
#pragma unroll
        for (int i = 0; i < WIDTH; ++i) {
            const accumulator<T> sum = widened(elements.at[i]) + own_bias.at[i];
            sums.at[i] = stored<T>(sum);
            elements.at[i] = stored<T>(activation(sum));
        }
        if (h) store<WIDTH>(h, at, sums);
        store<WIDTH>(y, at, elements);
    }
}

// dh = dy f', for dy and dh (rows, columns), where f' is computed from `kept`: y, h, or null if it is the same
// everywhere.  Beside it the sums of dh over the rows of each block, for parts (gridDim.y, columns); parts may be null.
// Instances: bias_activation_backward<float, 1 | 4>, bias_activation_backward<double, 1 | 2>,
//  bias_activation_backward<__half | __nv_bfloat16, 1 | 8>
template <class T, int WIDTH>
__global__ void __launch_bounds__(THREADS)
    bias_activation_backward(const T* dy, const T* kept, T* dh, accumulator<T>* parts, int rows, int columns) {
    using A = accumulator<T>;
    using Elements = Vector<T, WIDTH>;
    __shared__ Vector<A, WIDTH> sums_of_lines[LINES][LANES];
    const long long first = blockIdx.x * static_cast<long long>(LANES);  // vector of the block in a row
    const long long vectors = columns / WIDTH, column = first + threadIdx.x;
    Vector<A, WIDTH> sums = {};
    if (column < vectors) {
        for (long long row = blockIdx.y * LINES + threadIdx.y; row < rows; row += gridDim.y * LINES) {
            const long long at = row * vectors + column;
            Elements elements = load<WIDTH>(dy, at), source = {};
            if (kept) source = load<WIDTH>(kept, at);
#pragma unroll
            for (int i = 0; i < WIDTH; ++i) {
                const A slope = kept ? activation_by_h(widened(source.at[i])) : activation_by_h(A(0));
                const A gradient = widened(elements.at[i]) * slope;
                sums.at[i] += gradient;
                elements.at[i] = stored<T>(gradient);
            }
            store<WIDTH>(dh, at, elements);
        }
    }
    if (!parts) return;  // the whole grid does

    sums_of_lines[threadIdx.y][threadIdx.x] = sums;
    __syncthreads();
    // Now a thread adds what the eight lines have of one column.
    const int own = threadIdx.y * LANES + threadIdx.x;
    const long long own_column = first * WIDTH + own;
    if (own >= LANES * WIDTH || own_column >= columns) return;
    A sum = 0;
#pragma unroll
    for (int line = 0; line < LINES; ++line) sum += sums_of_lines[line][own / WIDTH].at[own % WIDTH];
    parts[blockIdx.y * static_cast<long long>(columns) + own_column] = sum;
}
