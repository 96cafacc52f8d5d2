// The largest element of each plane, and its gradient.
//
// Shapes: x, dx (planes, size), y, dy, places (planes), where places says which element of its plane is the largest.
#include "storage.cuh"

constexpr int THREADS = 256, WARP = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

// An element, and its place.
template <class A> struct Found { A element; long long place; };

// The larger one; of two that are equal the first, and NaN is larger than all numbers.
template <class A> __device__ __forceinline__ Found<A> larger(Found<A> a, Found<A> b) {
    const bool a_is_nan = a.element != a.element, b_is_nan = b.element != b.element;
    if (a_is_nan != b_is_nan) return a_is_nan ? a : b;
    if (!a_is_nan && a.element != b.element) return a.element > b.element ? a : b;
    return a.place < b.place ? a : b;
}

// y = the largest element of each plane, places = where it is, which may be null.
// A warp has a plane: each lane looks at every 32nd element, and a butterfly ends with the same in all of them.
template <class T>
__global__ void __launch_bounds__(THREADS) global_pool_largest(
    const T* __restrict__ x, T* __restrict__ y, long long* __restrict__ places, long long planes, long long size) {
    using A = accumulator<T>;
    const int lane = threadIdx.x % WARP;
    const long long plane = static_cast<long long>(blockIdx.x) * (THREADS / WARP) + threadIdx.x / WARP;
    if (plane >= planes) return;  // whole warps at once
    const T* elements = x + plane * size;
    const long long first = lane < size ? lane : 0;  // lanes that have no element of their own take the first one
    Found<A> found = {widened(elements[first]), first};
    for (long long i = first + WARP; i < size; i += WARP) found = larger(found, Found<A>{widened(elements[i]), i});
#pragma unroll
    for (int distance = WARP / 2; distance > 0; distance /= 2) {
        const A element = __shfl_xor_sync(ALL_LANES, found.element, distance);
        const long long place = __shfl_xor_sync(ALL_LANES, found.place, distance);
        found = larger(found, Found<A>{element, place});
    }
    if (lane != 0) return;
    y[plane] = stored<T>(found.element);
    if (places) places[plane] = found.place;
}

// dx = dy at the places, and 0 elsewhere.
// Each thread has one element of dx.
template <class T>
__global__ void __launch_bounds__(THREADS) global_pool_largest_backward(
    const T* __restrict__ dy, const long long* __restrict__ places, T* __restrict__ dx, long long count,
    long long size) {
    const long long i = static_cast<long long>(blockIdx.x) * THREADS + threadIdx.x;
    if (i >= count) return;
    const long long plane = i / size;
    dx[i] = places[plane] == i - plane * size ? dy[plane] : stored<T>(0);
}
