// The factors of a convolution's products, which are never written out: their elements are found where they lie in x.
//
// The places of a window are counted over all samples, in C order over the axes of a sample.  A window has taps, in C
// order over its axes, each with all channels of a group.  At a place and a tap it sees, along every axis, the element
//
//   place · step + start + tap · gap  of x,  0 where that is outside,  and what is summed belongs to the element
//   place · stride + first  of y.
//
// For y = x * weight step is that of the windows, gap the dilation, -start the padding before x, and y has an element
// for every place.  The gradient by x, where x here is dy and y is dx, is made of as many such sums as the product of
// the strides, called phases: elements of dx that are a stride apart see dy through the same taps, which are only some
// of the window's, one in so many as the stride says, or none.  A block has one phase; blocks count tiles of the first
// phase, then of the next.
//
// Sources below are such factors by rows, or columns, called lines; depth is the place along the inner axis.  A thread
// has one line, and looks at N neighbours along the inner axis at a time: neighbouring threads have neighbouring lines.
#pragma once
#include "finish.cuh"
#include "storage.cuh"

constexpr int AXES = 3;  // what lacks some has 1 there

// Division by a number that the launch knows: n / by = n · factor / 2^(32 + shift), rounded down, for 0 <= n < 2^31.
struct Divisor {
    int by;
    unsigned factor, shift;
    __device__ __forceinline__ int of(int n) const { return by == 1 ? n : __umulhi(n, factor) >> shift; }
};

// `taps` are the most that a phase has.  Of the window, whose size is `kernel`, they are those from one that the phase
// says, `tap_step` apart.
struct Axis {
    Divisor places, taps;
    int extent, step, gap;         // of x
    int y_extent, stride;          // of y
    int kernel, tap_step;
};

// As fusegrad/ops/convolution/sweep.py makes it.  A sample of x, or of y, has fewer than 2^31 elements.
struct Sweep {
    long long sample;              // elements of x from sample to sample
    long long y_sample;            // and of y
    int plane, y_plane;            // from channel to channel
    Divisor channels;              // of a group of x
    Divisor places;                // of a sample
    Axis axes[AXES];
};

// What differs from phase to phase: an array (phases, 4, AXES) has first, start, the first tap and how many there are.
struct Phase {
    int first[AXES], start[AXES], first_tap[AXES], taps[AXES];

    __device__ __forceinline__ Phase(const int* phases, long long number) {
        phases += number * 4 * AXES;
#pragma unroll
        for (int i = 0; i < AXES; ++i) {
            first[i] = phases[i];
            start[i] = phases[AXES + i];
            first_tap[i] = phases[2 * AXES + i];
            taps[i] = phases[3 * AXES + i];
        }
    }

    // Whether there are taps, and with that something to sum.
    __device__ __forceinline__ bool has_taps() const { return taps[0] > 0 && taps[1] > 0 && taps[2] > 0; }
};

// Where the element `at` of an array of these extents lies; -1 outside.
template <int Axis::*EXTENT> __device__ __forceinline__ int element_at(const Sweep& sweep, const int (&at)[AXES]) {
    int element = 0;
    bool inside = true;
#pragma unroll
    for (int i = 0; i < AXES; ++i) {
        inside = inside && at[i] >= 0 && at[i] < sweep.axes[i].*EXTENT;
        element = element * sweep.axes[i].*EXTENT + at[i];
    }
    return inside ? element : -1;
}

// A number in C order as one along each axis; what is left over is returned, and counts on.
template <Divisor Axis::*COUNT>
__device__ __forceinline__ int split(const Sweep& sweep, int number, int (&along)[AXES]) {
#pragma unroll
    for (int i = AXES - 1; i >= 0; --i) {
        const Divisor& count = sweep.axes[i].*COUNT;
        const int rest = count.of(number);
        along[i] = number - rest * count.by;
        number = rest;
    }
    return number;
}

// Lines are places, and depth counts channels within taps: neighbours mostly have one tap, which is looked up once.
template <class T> struct WindowAtPlace {
    using Element = T;
    const Sweep& sweep;
    const T* sample;     // the first channel, in the sample of the place; null behind the last place
    int begin[AXES];     // what tap 0 sees
    int taps[AXES];
    int end;             // of depths

    __device__ __forceinline__ WindowAtPlace(const Sweep& sweep, const Phase& phase, const T* x, int place, int places,
                                             int end)
        : sweep(sweep), end(end) {
        const int number = split<&Axis::places>(sweep, place < places ? place : 0, begin);
#pragma unroll
        for (int i = 0; i < AXES; ++i) {
            begin[i] = begin[i] * sweep.axes[i].step + phase.start[i];
            taps[i] = phase.taps[i];
        }
        sample = place < places ? x + number * sweep.sample : nullptr;
    }

    __device__ __forceinline__ int seen_at(int tap) const {
        int at[AXES];
        bool exists = split<&Axis::taps>(sweep, tap, at) == 0;
#pragma unroll
        for (int i = 0; i < AXES; ++i) {
            exists = exists && at[i] < taps[i];
            at[i] = begin[i] + at[i] * sweep.axes[i].gap;
        }
        const int element = element_at<&Axis::extent>(sweep, at);
        return exists ? element : -1;
    }

    template <int N> __device__ __forceinline__ Vector<T, N> look(int depth) const {
        Vector<T, N> seen;
#pragma unroll
        for (int i = 0; i < N; ++i) seen.at[i] = stored<T>(0);
        if (!sample || depth >= end) return seen;
        const int channels = sweep.channels.by;
        int tap = sweep.channels.of(depth);
        // Tap by tap: the neighbours of one begin at `first`, which is negative where earlier ones are not asked for.
#pragma unroll 1
        for (int first = tap * channels - depth; first < N; first += channels, ++tap) {
            const int element = seen_at(tap);
            if (element < 0) continue;
#pragma unroll
            for (int i = 0; i < N; ++i)
                if (i >= first && i < first + channels) seen.at[i] = sample[(i - first) * sweep.plane + element];
        }
        return seen;
    }
};

// Lines are taps within channels, in the order of weights, and depth counts places over all samples.
template <class T> struct TapOverPlaces {
    using Element = T;
    const Sweep& sweep;
    const T* channel;    // in the first sample; null behind the last line
    int begin[AXES];     // what place 0 sees
    int end;             // of depths

    __device__ __forceinline__ TapOverPlaces(const Sweep& sweep, const Phase& phase, const T* x, int line, int lines,
                                             int end)
        : sweep(sweep), end(end) {
        const int number = split<&Axis::taps>(sweep, line < lines ? line : 0, begin);
#pragma unroll
        for (int i = 0; i < AXES; ++i) begin[i] = begin[i] * sweep.axes[i].gap + phase.start[i];
        channel = line < lines ? x + number * sweep.plane : nullptr;
    }

    template <int N> __device__ __forceinline__ Vector<T, N> look(int depth) const {
        Vector<T, N> seen;
#pragma unroll
        for (int i = 0; i < N; ++i) seen.at[i] = stored<T>(0);
        if (!channel || depth >= end) return seen;
        const Axis& last = sweep.axes[AXES - 1];
        int place[AXES];
        const T* from = channel + split<&Axis::places>(sweep, depth, place) * sweep.sample;
        const int count = min(N, end - depth);
        // Line by line of the last axis: the places of one begin at `first`, as above.
#pragma unroll 1
        for (int first = -place[AXES - 1]; first < count; first += last.places.by) {
            int line = 0;
            bool inside = true;
#pragma unroll
            for (int k = 0; k < AXES - 1; ++k) {
                const int at = begin[k] + place[k] * sweep.axes[k].step;
                inside = inside && at >= 0 && at < sweep.axes[k].extent;
                line = line * sweep.axes[k].extent + at;
            }
            const int left = min(count, inside ? first + last.places.by : 0);
#pragma unroll
            for (int i = 0; i < N; ++i) {
                const int at = begin[AXES - 1] + (i - first) * last.step;
                if (i >= first && i < left && at >= 0 && at < last.extent) seen.at[i] = from[line * last.extent + at];
            }
            bool carry = true;  // on to the next line
#pragma unroll
            for (int k = AXES - 2; k >= 0; --k) {
                place[k] += carry;
                carry = place[k] == sweep.axes[k].places.by;
                place[k] = carry ? 0 : place[k];
            }
            if (carry) from += sweep.sample;
        }
        return seen;
    }
};

// The factor that is no window: lines are channels of dy, and depth counts its places over all samples.
template <class T> struct ChannelOverPlaces {
    using Element = T;
    const Sweep& sweep;
    const T* channel;    // in the first sample; null behind the last line
    int end;             // of depths

    __device__ __forceinline__ ChannelOverPlaces(const Sweep& sweep, const T* dy, int line, int lines, int end)
        : sweep(sweep), channel(line < lines ? dy + static_cast<long long>(line) * sweep.y_plane : nullptr), end(end) {}

    template <int N> __device__ __forceinline__ Vector<T, N> look(int depth) const {
        Vector<T, N> seen;
#pragma unroll
        for (int i = 0; i < N; ++i) seen.at[i] = stored<T>(0);
        if (!channel || depth >= end) return seen;
        const int number = sweep.places.of(depth);
        int place = depth - number * sweep.places.by;
        const T* from = channel + number * sweep.y_sample;
        if (place + N <= sweep.places.by && depth + N <= end && is_aligned<N>(from + place))
            return load<N>(from + place);
#pragma unroll
        for (int i = 0; i < N; ++i) {
            if (depth + i < end) seen.at[i] = from[place];
            if (++place == sweep.places.by) {
                place = 0;
                from += sweep.y_sample;
            }
        }
        return seen;
    }
};

// What follows the sums of a group of rows, whose columns are the places of all samples; see finish.cuh.  Neighbouring
// places are neighbours in y where it has an element for each of them, and N divides their number in a sample: then
// they go together, else one by one.
template <class T, class Y, int N> struct RowsOfPlaces {
    const Sweep& sweep;
    int first[AXES];
    bool dense;                      // whether y has an element for every place
    Finish<T, Y, N, true> groups;
    Finish<T, Y, 1, true> singles;

    __device__ __forceinline__ RowsOfPlaces(const Sweep& sweep, const Phase& phase, long long group, int rows,
                                            const T* bias, const Y* saved, const Y* residual, Y* h, Y* y, bool add)
        : sweep(sweep), dense(true),
          groups(made<N>(sweep, group, rows, bias, saved, residual, h, y, add)),
          singles(made<1>(sweep, group, rows, bias, saved, residual, h, y, add)) {
#pragma unroll
        for (int i = 0; i < AXES; ++i) {
            first[i] = phase.first[i];
            dense = dense && sweep.axes[i].stride == 1;
        }
    }

    // A group is a matrix of y, in every sample; dropout does not follow.
    template <int EACH>
    static __device__ __forceinline__ Finish<T, Y, EACH, true> made(const Sweep& sweep, long long group, int rows,
                                                                    const T* bias, const Y* saved, const Y* residual,
                                                                    Y* h, Y* y, bool add) {
        const long long matrix = static_cast<long long>(rows) * sweep.y_plane;
        return {0, group, 1, rows, sweep.y_plane, bias ? bias + group * rows : bias, saved, residual, h, y, nullptr,
                nullptr, 0, nullptr, 0, 0, 0, 1, 0, matrix, sweep.y_plane, 1, add};
    }

    // Where it lies in the first row of y; -1 where y has no such element.
    __device__ __forceinline__ long long element(int column) const {
        int at[AXES];
        const int number = split<&Axis::places>(sweep, column, at);
#pragma unroll
        for (int i = 0; i < AXES; ++i) at[i] = at[i] * sweep.axes[i].stride + first[i];
        const int found = element_at<&Axis::y_extent>(sweep, at);
        return found < 0 ? -1 : number * sweep.y_sample + found;
    }

    __device__ __forceinline__ void operator()(int row, int column, int count, accumulator<T>* x) const {
        if (dense && sweep.places.by % N == 0) {
            groups(row, element(column), count, x);
            return;
        }
#pragma unroll
        for (int i = 0; i < N; ++i) {
            const long long at = i < count ? element(column + i) : -1;
            if (at >= 0) singles(row, at, 1, x + i);
        }
    }
};
