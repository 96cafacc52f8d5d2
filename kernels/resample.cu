// Linear maps along the axes of planes: y[o0, o1, o2] = Σ weight0 weight1 weight2 x[i0, i1, i2].
//
// Shapes: x (planes, ., height, width) with `size` elements in a plane, y (planes, places0, places1, places2); axes that
// are missing have one element.  starts (places0 + places1 + places2 + 1) has rows for the places of one axis after the
// other: what goes to a place are sources and weights from its start up to the next one.
#include "storage.cuh"

// Kernels ask for few blocks at once: left to itself, the compiler spills registers to have more of them.
constexpr int THREADS = 256;

// y = the mapped x, or that added.
// Threads (x, y) of a block: plane blockIdx.x * blockDim.y + y of `planes`, of which x and gridDim.y share out the
// places of y.  A thread adds in the order of the tables, the last axis fastest.
template <class T>
__global__ void __launch_bounds__(THREADS, 4) resample(
    const T* __restrict__ x, T* __restrict__ y, const int* __restrict__ starts, const int* __restrict__ sources,
    const accumulator<T>* __restrict__ weights, int planes, long long size, int height, int width, int places0,
    int places1, int places2, bool add) {
    using A = accumulator<T>;
    const long long plane = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (plane >= planes) return;
    const T* elements = x + plane * size;
    const int places = places0 * places1 * places2;
    const int* rows1 = starts + places0;
    const int* rows2 = rows1 + places1;
    for (int o = blockIdx.y * blockDim.x + threadIdx.x; o < places; o += gridDim.y * blockDim.x) {
        const int o0 = o / (places1 * places2), o1 = o / places2 % places1, o2 = o % places2;
        const int first1 = rows1[o1], stop1 = rows1[o1 + 1], first2 = rows2[o2], stop2 = rows2[o2 + 1];
        T& result = y[plane * places + o];
        A sum = add ? widened(result) : A(0);
#pragma unroll 1
        for (int r = starts[o0]; r < starts[o0 + 1]; ++r)
#pragma unroll 1
            for (int s = first1; s < stop1; ++s) {
                const T* row = elements + (static_cast<long long>(sources[r]) * height + sources[s]) * width;
                const A weight = weights[r] * weights[s];
#pragma unroll 2
                for (int t = first2; t < stop2; ++t) sum += weight * weights[t] * widened(row[sources[t]]);
            }
        result = stored<T>(sum);
    }
}
