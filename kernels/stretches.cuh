// Rows that begin anywhere and have any width, gone over by several threads together: 16 bytes at a time wherever the
// addresses allow it.
#pragma once
#include "storage.cuh"

// Whether rows lie alike in stretches of 16 bytes, so that what is aligned in one is in the other.
__device__ __forceinline__ bool alike(const void* a, const void* b) {
    return (reinterpret_cast<unsigned long long>(a) - reinterpret_cast<unsigned long long>(b)) % 16 == 0;
}

// N neighbours in a row, the elements base + number N and those after it.
template <int N, class Index> struct Stretch {
    static constexpr int size = N;
    Index base, number;
    __device__ __forceinline__ Index begin() const { return base + number * N; }
};

template <class T, int N, class Index>
__device__ __forceinline__ Vector<T, N> load(const T* row, Stretch<N, Index> at) {
    return load<N>(row + at.base, at.number);
}

template <class T, int N, class Index>
__device__ __forceinline__ void store(T* row, Stretch<N, Index> at, const Vector<T, N>& values) {
    store<N>(row + at.base, at.number, values);
}

// Calls visit(Stretch<N>) so that the stretches of all threads together cover 0 .. width-1 once.  Those of 16 bytes
// begin at addresses that are a multiple of 16; single elements lead up to the first one and follow the last.  If the
// arrays that are visited do not lie `aligned` with the row, all stretches are single elements.
// `thread` of `threads`: this one among those that call it together.
template <class T, class Index, class Visit>
__device__ __forceinline__ void visit_row(
    const T* row, bool aligned, Index width, Index thread, Index threads, Visit visit) {
    constexpr int N = 16 / sizeof(T);
    constexpr int UNROLLED = sizeof(T) == 8 ? 1 : 2;  // double has no registers left for more
    const int past = int(reinterpret_cast<unsigned long long>(row) % 16 / sizeof(T));  // elements since the last one
    const Index lead = (N - past) % N;
    const Index head = aligned && lead < width ? lead : width;
    const Index vectors = (width - head) / N, tail = head + vectors * N;
#pragma unroll 1
    for (Index i = thread; i < head + (width - tail); i += threads)
        visit(Stretch<1, Index>{0, i < head ? i : tail + (i - head)});
#pragma unroll UNROLLED
    for (Index i = thread; i < vectors; i += threads) visit(Stretch<N, Index>{head, i});
}

// Calls see(row[j]) for all j, as `visit_row` shares them out.
template <class T, class Index, class See>
__device__ __forceinline__ void see_row(const T* row, Index width, Index thread, Index threads, See see) {
    visit_row(row, true, width, thread, threads, [&](auto at) {
        constexpr int N = decltype(at)::size;
        const Vector<T, N> values = load(row, at);
#pragma unroll
        for (int k = 0; k < N; ++k) see(widened(values.at[k]));
    });
}
