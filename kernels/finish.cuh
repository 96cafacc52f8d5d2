// What follows the sums of a product a b, for all kernels that compute products:
//
//   y = drop(f(sum + bias)) + residual, and h = sum + bias beside it;  where SLOPED, y = sum f'(saved).
//
// What comes out is added to y where `add`.  f, f', SLOPED and DROPPED come from epilogue.cuh.  The last parameters of
// such a kernel are, as fusegrad/ops/gemm/finish.py gives them,
//
//   const T* __restrict__ bias, const Y* saved, const Y* residual, Y* h, Y* y, accumulator<T>* sums,
//   unsigned char* mask, const unsigned long long* seed, unsigned long long seed_number,
//   const unsigned long long* step, unsigned long long step_number, unsigned node, unsigned threshold,
//   accumulator<T> scale, long long y_outer, long long y_stack, long long y_row, long long y_column, bool add
//
// for T, the type of a and b, and Y, that of y: T, or float where T is a half type.  Shapes: bias (columns,); saved,
// residual, h and y (outer, stack, rows, columns), with the strides of y; mask the same, contiguous.  All but y may be
// null, and where saved is, f' is the same everywhere.  Dropout is that of dropout.cu for the elements of y in C order.
// `sums` is described in column_sums.cuh.
#pragma once
#include "epilogue.cuh"
#include "philox.cuh"
#include "storage.cuh"

// `count` <= N elements at distances of `stride`, by one instruction if `whole`; those beyond are 0.
template <int N, class T>
__device__ __forceinline__ Vector<T, N> load_some(const T* at, long long stride, int count, bool whole) {
    if (whole) return load<N>(at);
    Vector<T, N> elements = {};
#pragma unroll
    for (int i = 0; i < N; ++i)
        if (i < count) elements.at[i] = at[i * stride];
    return elements;
}

template <int N, class T> __device__ __forceinline__ Vector<T, N> same(T element) {
    Vector<T, N> elements;
#pragma unroll
    for (int i = 0; i < N; ++i) elements.at[i] = element;
    return elements;
}

template <int N, class T>
__device__ __forceinline__ void store_some(T* at, long long stride, int count, bool whole, Vector<T, N> elements) {
    if (whole) {
        store<N>(at, elements);
        return;
    }
#pragma unroll
    for (int i = 0; i < N; ++i)
        if (i < count) at[i * stride] = elements.at[i];
}

// x[i] = x[i] mask scale for `count` <= N neighbours of an array of which `first` is the place of the first one.
template <int N, class A>
__device__ __forceinline__ Vector<unsigned char, N> drop_some(A* x, unsigned long long first, int count, unsigned node,
                                                              unsigned long long step, unsigned long long seed,
                                                              unsigned threshold, A scale) {
    // The neighbours may begin at any of the four words of a counter, and so lie astride one counter more.
    constexpr int COUNTERS = (N + 6) / 4;
    const int shift = first % 4;
    unsigned words[COUNTERS * 4] = {};
#pragma unroll
    for (int c = 0; c < COUNTERS; ++c) {
        if (c > 0 && 4 * c >= shift + count) break;
        const Words four = drawn<2>(static_cast<unsigned>(first / 4) + c, node, step, seed);
#pragma unroll
        for (int k = 0; k < 4; ++k) words[4 * c + k] = four.at[k];
    }
    Vector<unsigned char, N> kept;
#pragma unroll
    for (int i = 0; i < N; ++i) {
        // Chosen, not indexed: what is indexed by a number that the compiler does not know cannot be in registers.
        const unsigned early = shift == 0 ? words[i] : words[i + 1], late = shift == 2 ? words[i + 2] : words[i + 3];
        const unsigned word = shift < 2 ? early : late;
        kept.at[i] = word >= threshold;
        x[i] = x[i] * static_cast<A>(kept.at[i]) * scale;
    }
    return kept;
}

// What one thread does with its sums: groups of N neighbouring columns of one row, of one matrix.  BY_ROW: whether the
// bias is one of rows, not of columns.
template <class T, class Y, int N, bool BY_ROW = false> struct Finish {
    using A = accumulator<T>;
    const T* bias;
    const Y* saved;
    const Y* residual;
    Y* h;
    Y* y;
    unsigned char* mask;
    const unsigned long long* seed;
    unsigned long long seed_number;
    const unsigned long long* step;
    unsigned long long step_number;
    unsigned node, threshold;
    A scale;
    long long matrix;               // where it begins in y, h, saved and residual, in elements
    long long row_stride, column_stride;
    unsigned long long first;       // place of its first element among all of y, in C order
    int columns;
    bool add, wide;                 // wide: whether whole groups can be moved by one instruction

    // For the matrix (outer, inner) of the stack, of the shape (rows, columns).
    __device__ __forceinline__ Finish(long long outer, long long inner, int stack, int rows, int columns, const T* bias,
                                      const Y* saved, const Y* residual, Y* h, Y* y, unsigned char* mask,
                                      const unsigned long long* seed, unsigned long long seed_number,
                                      const unsigned long long* step, unsigned long long step_number, unsigned node,
                                      unsigned threshold, A scale, long long y_outer, long long y_stack,
                                      long long y_row, long long y_column, bool add)
        : bias(bias), saved(saved), residual(residual), h(h), y(y), mask(mask), seed(seed), seed_number(seed_number),
          step(step), step_number(step_number), node(node), threshold(threshold), scale(scale),
          matrix(outer * y_outer + inner * y_stack), row_stride(y_row), column_stride(y_column),
          first((outer * stack + inner) * rows * columns), columns(columns), add(add) {
        wide = y_column == 1 && y_row % N == 0 && matrix % N == 0 && is_aligned<N>(y) && is_aligned<N>(h)
               && is_aligned<N>(saved) && is_aligned<N>(residual) && (BY_ROW || is_aligned<N>(bias));
        if (DROPPED) wide = wide && columns % N == 0 && first % N == 0 && is_aligned<N>(mask);
    }

    // Finish x, the sums of `count` <= N columns from `column` on, a multiple of N.  Afterwards x is what y has there
    // before it is rounded, and 0 beyond.
    template <class Column> __device__ __forceinline__ void operator()(int row, Column column, int count, A* x) const {
        const long long at = matrix + row * row_stride + column * column_stride;
        const bool whole = wide && count == N;
        if constexpr (SLOPED) {
            multiply_by_slope(at, count, whole, x);
        } else {
            if constexpr (BY_ROW) activate(at, bias + row, count, whole, x);
            else activate(at, bias + column, count, whole, x);
            if constexpr (DROPPED) {
                const unsigned long long place = first + static_cast<long long>(row) * columns + column;
                // Seed and step are read again for each group: kept in registers, they would be too many.
                const auto kept = drop_some<N>(x, place, count, node, given(step, step_number),
                                               given(seed, seed_number), threshold, scale);
                store_some<N>(mask + place, 1, count, whole, kept);
            }
            if (residual) add_elements(residual + at, count, whole, x);
        }
        if (add) add_elements(y + at, count, whole, x);
        put(y + at, count, whole, x);
#pragma unroll
        for (int i = 0; i < N; ++i)
            if (i >= count) x[i] = 0;
    }

    __device__ __forceinline__ void multiply_by_slope(long long at, int count, bool whole, A* x) const {
        Vector<Y, N> source = {};
        if (saved) source = load_some<N>(saved + at, column_stride, count, whole);
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] *= activation_by_h(saved ? widened(source.at[i]) : A(0));
    }

    __device__ __forceinline__ void activate(long long at, const T* own_bias, int count, bool whole, A* x) const {
        if (bias) {
            const Vector<T, N> of_bias = BY_ROW ? same<N>(*own_bias) : load_some<N>(own_bias, 1, count, whole);
#pragma unroll
            for (int i = 0; i < N; ++i) x[i] += widened(of_bias.at[i]);
        }
        if (h) put(h + at, count, whole, x);
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] = activation(x[i]);
    }

    __device__ __forceinline__ void add_elements(const Y* from, int count, bool whole, A* x) const {
        const Vector<Y, N> elements = load_some<N>(from, column_stride, count, whole);
#pragma unroll
        for (int i = 0; i < N; ++i) x[i] += widened(elements.at[i]);
    }

    __device__ __forceinline__ void put(Y* to, int count, bool whole, const A* x) const {
        Vector<Y, N> elements;
#pragma unroll
        for (int i = 0; i < N; ++i) elements.at[i] = stored<Y>(x[i]);
        store_some<N>(to, column_stride, count, whole, elements);
    }
};
