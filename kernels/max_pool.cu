// The largest element of each window, and its gradient.
//
// Shapes: x, dx (planes, extent0, extent1, extent2), y, dy, taps, indices (planes, places0, places1, places2); axes that
// are missing have one element.  The window at place o of an axis has the elements o · stride - before + k · dilation for
// k < kernel that lie in the plane.  A tap counts the places of a window in C order, an index those of a plane.
#include "storage.cuh"

// Kernels ask for few blocks at once: left to itself, the compiler spills registers to have more of them.
constexpr int THREADS = 256;

// One axis: what a window is along it.
struct Axis {
    int extent, places, kernel, stride, dilation, before;

    // Where the window at place o begins.
    __device__ __forceinline__ int start(int o) const { return o * stride - before; }

    // The first place of that window that is in the plane, and the one after the last.
    __device__ __forceinline__ int first(int start) const { return start >= 0 ? 0 : (-start + dilation - 1) / dilation; }
    __device__ __forceinline__ int stop(int start) const {
        const int count = start < extent ? (extent - 1 - start) / dilation + 1 : 0;
        return count < kernel ? count : kernel;
    }

    // The first window that reaches element i, and the one after the last; which of its places i is, -1 where it is none.
    __device__ __forceinline__ int first_window(int i) const {
        const int beyond = i + before - (kernel - 1) * dilation;
        return beyond > 0 ? (beyond + stride - 1) / stride : 0;
    }
    __device__ __forceinline__ int stop_window(int i) const {
        const int count = (i + before) / stride + 1;
        return count < places ? count : places;
    }
    __device__ __forceinline__ int place(int i, int o) const {
        const int distance = i - start(o);
        return distance % dilation ? -1 : distance / dilation;
    }
};

// y = the largest element of each window, taps and indices = where it is; each of these two may be null.  The first of
// several that are equal counts, in C order, and NaN is larger than all numbers.
// Threads (x, y) of a block: plane blockIdx.x * blockDim.y + y of `planes`, of which x and gridDim.y share out the
// places of y.
// Instances: max_pool_forward<float | double | __half | __nv_bfloat16, unsigned char | int>
template <class T, class Tap>
__global__ void __launch_bounds__(THREADS, 4) max_pool_forward(
    const T* __restrict__ x, T* __restrict__ y, Tap* __restrict__ taps, long long* __restrict__ indices, int planes,
    int extent0, int places0, int kernel0, int stride0, int dilation0, int before0,
    int extent1, int places1, int kernel1, int stride1, int dilation1, int before1,
    int extent2, int places2, int kernel2, int stride2, int dilation2, int before2) {
    const Axis axis0 = {extent0, places0, kernel0, stride0, dilation0, before0};
    const Axis axis1 = {extent1, places1, kernel1, stride1, dilation1, before1};
    const Axis axis2 = {extent2, places2, kernel2, stride2, dilation2, before2};
    const long long plane = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (plane >= planes) return;
    const T* elements = x + plane * extent0 * extent1 * extent2;
    const int places = places0 * places1 * places2;
    for (int o = blockIdx.y * blockDim.x + threadIdx.x; o < places; o += gridDim.y * blockDim.x) {
        const int start0 = axis0.start(o / (places1 * places2));
        const int start1 = axis1.start(o / places2 % places1), start2 = axis2.start(o % places2);
        const int stop0 = axis0.stop(start0), stop1 = axis1.stop(start1), stop2 = axis2.stop(start2);
        accumulator<T> largest = 0;
        int tap = -1, index = 0;
        for (int k0 = axis0.first(start0); k0 < stop0; ++k0)
            for (int k1 = axis1.first(start1); k1 < stop1; ++k1)
                for (int k2 = axis2.first(start2); k2 < stop2; ++k2) {
                    const int place = ((start0 + k0 * dilation0) * extent1 + start1 + k1 * dilation1) * extent2 +
                                      start2 + k2 * dilation2;
                    const accumulator<T> element = widened(elements[place]);
                    // Also where exactly one of them is NaN, unless that is the largest so far.
                    if (tap < 0 || (!(element <= largest) && largest == largest)) {
                        largest = element;
                        tap = (k0 * kernel1 + k1) * kernel2 + k2;
                        index = place;
                    }
                }
        y[plane * places + o] = stored<T>(largest);
        if (taps) taps[plane * places + o] = static_cast<Tap>(tap);
        if (indices) indices[plane * places + o] = index;
    }
}

// dx (+)= the sum of dy over the windows whose tap leads to the element, in C order of the windows.
// Threads (x, y) of a block: plane blockIdx.x * blockDim.y + y of `planes`, of which x and gridDim.y share out the
// elements of dx: each looks at all windows that reach it.
// Instances: max_pool_backward<float | double | __half | __nv_bfloat16, unsigned char | int>
template <class T, class Tap>
__global__ void __launch_bounds__(THREADS, 4) max_pool_backward(
    const T* __restrict__ dy, const Tap* __restrict__ taps, T* __restrict__ dx, int planes, bool add,
    int extent0, int places0, int kernel0, int stride0, int dilation0, int before0,
    int extent1, int places1, int kernel1, int stride1, int dilation1, int before1,
    int extent2, int places2, int kernel2, int stride2, int dilation2, int before2) {
    const Axis axis0 = {extent0, places0, kernel0, stride0, dilation0, before0};
    const Axis axis1 = {extent1, places1, kernel1, stride1, dilation1, before1};
    const Axis axis2 = {extent2, places2, kernel2, stride2, dilation2, before2};
    const long long plane = static_cast<long long>(blockIdx.x) * blockDim.y + threadIdx.y;
    if (plane >= planes) return;
    const int size = extent0 * extent1 * extent2;
    const long long first_place = plane * places0 * places1 * places2;
    for (int i = blockIdx.y * blockDim.x + threadIdx.x; i < size; i += gridDim.y * blockDim.x) {
        const int i0 = i / (extent1 * extent2), i1 = i / extent2 % extent1, i2 = i % extent2;
        const int stop0 = axis0.stop_window(i0), stop1 = axis1.stop_window(i1), stop2 = axis2.stop_window(i2);
        T& gradient = dx[plane * size + i];
        accumulator<T> sum = add ? widened(gradient) : accumulator<T>(0);
#pragma unroll 1
        for (int o0 = axis0.first_window(i0); o0 < stop0; ++o0)
#pragma unroll 1
            for (int o1 = axis1.first_window(i1); o1 < stop1; ++o1)
#pragma unroll 1
                for (int o2 = axis2.first_window(i2); o2 < stop2; ++o2) {
                    const int k0 = axis0.place(i0, o0), k1 = axis1.place(i1, o1), k2 = axis2.place(i2, o2);
                    const long long window = first_place + (o0 * places1 + o1) * places2 + o2;
                    if (k0 >= 0 && k1 >= 0 && k2 >= 0 && taps[window] == (k0 * kernel1 + k1) * kernel2 + k2)
                        sum += widened(dy[window]);
                }
        gradient = stored<T>(sum);
    }
}
