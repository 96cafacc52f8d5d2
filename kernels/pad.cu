// Padding and cropping, and the gradient: each element sums what repeats it, always in the same order.
//
// `axes` has three numbers for each axis, the first axis first: its extent in the array that threads share out, the
// distance of neighbours in the other array, and where its part of the tables begins, or -1 for an axis of which every
// place repeats itself.
#include "grid.cuh"
#include "storage.cuh"

// At least one block on a multiprocessor: without that number, 1, the compiler spills registers to make room for more.
constexpr int THREADS = 256;

// y = x at the places that are repeated, or `value` where along some axis that is -1, nothing.
// Thread i of the grid has element i of y, of which there are n.
// Instances: pad_forward<float | double | __half | __nv_bfloat16, unsigned | unsigned long long>
template <class T, class Index>
__global__ void __launch_bounds__(THREADS, 1)
    pad_forward(const T* __restrict__ x, T* __restrict__ y, const long long* __restrict__ axes,
                const long long* __restrict__ places, int rank, long long n, accumulator<T> value) {
    const long long i = thread_of_grid();
    if (i >= n) return;
    Index left = static_cast<Index>(i);
    long long from = 0;
    bool is_there = true;
    for (int axis = rank - 1; axis >= 0; --axis) {
        const Index extent = static_cast<Index>(axes[3 * axis]), place = left % extent;
        const long long begin = axes[3 * axis + 2];
        const long long source = begin < 0 ? static_cast<long long>(place) : places[begin + place];
        left /= extent;
        is_there = is_there && source >= 0;
        from += source * axes[3 * axis + 1];
    }
    y[i] = is_there ? x[from] : stored<T>(value);
}

// dx = the sum of dy over all places that repeat it: along each axis those from starts[s] on, up to starts[s + 1], and
// of several axes all pairs, which are counted like the digits of a number, the last axis being the lowest digit.
// Thread i of the grid has element i of dx, of which there are n.
// Instances: pad_backward<float | double | __half | __nv_bfloat16, unsigned | unsigned long long>
template <class T, class Index>
__global__ void __launch_bounds__(THREADS, 1)
    pad_backward(const T* __restrict__ dy, T* __restrict__ dx, const long long* __restrict__ axes,
                 const long long* __restrict__ starts, const long long* __restrict__ places, int rank, long long n) {
    using A = accumulator<T>;
    const long long i = thread_of_grid();
    if (i >= n) return;
    A sum = 0;
    long long terms = 1;
    for (long long term = 0; term < terms; ++term) {
        Index left = static_cast<Index>(i), digits = static_cast<Index>(term);
        long long from = 0, count = 1;
        for (int axis = rank - 1; axis >= 0; --axis) {
            const Index extent = static_cast<Index>(axes[3 * axis]), own = left % extent;
            const long long begin = axes[3 * axis + 2];
            left /= extent;
            long long place = own;
            if (begin >= 0) {
                const long long first = starts[begin + own];
                const Index repeats = static_cast<Index>(starts[begin + own + 1] - first);
                count *= repeats;
                if (count == 0) break;
                place = places[first + digits % repeats];
                digits /= repeats;
            }
            from += place * axes[3 * axis + 1];
        }
        if (count == 0) break;
        sum += widened(dy[from]);
        terms = count;
    }
    dx[i] = stored<T>(sum);
}
