// Rows of a table by index, and the gradient: each row of the table sums what came for it, always in the same order.
#include "reduce.cuh"
#include "storage.cuh"

constexpr int THREADS = 256, WARPS = THREADS / WARP;
constexpr int PER_THREAD = WARP / WARPS;         // indices of a chunk: one count per warp and round fills a warp
constexpr int CHUNK = THREADS * PER_THREAD;      // indices that a block looks at between two barriers
constexpr int CAPACITY = CHUNK;                  // matches that wait in shared memory
constexpr int AT_ONCE = 4;                       // rows of dy that a thread has under way

// y[i] = table[index[i]] for `count` rows of `width` elements.
// Threads (x, y) of a block: row blockIdx.x * blockDim.y + y, N neighbouring elements at a time, which x and gridDim.y
// share out.  N elements are one access of 16 bytes where rows are so aligned, else N is 1.
// Instances: embedding_forward<float, 1 | 4, int | long long>, embedding_forward<double, 1 | 2, int | long long>,
//  embedding_forward<__half | __nv_bfloat16, 1 | 8, int | long long>
template <class T, int N, class I>
__global__ void __launch_bounds__(THREADS)
    embedding_forward(const T* __restrict__ table, const I* __restrict__ index, T* __restrict__ y, int count,
                      int width) {
    using Piece = Vector<T, N>;
    const long long row = blockIdx.x * blockDim.y + threadIdx.y;
    if (row >= count) return;
    const int pieces = width / N;
    const Piece* from = reinterpret_cast<const Piece*>(table + static_cast<long long>(index[row]) * width);
    Piece* to = reinterpret_cast<Piece*>(y + row * width);
    for (int column = blockIdx.y * blockDim.x + threadIdx.x; column < pieces; column += gridDim.y * blockDim.x)
        to[column] = from[column];
}

// What waits to be added: the row of the table above the position in dy, so that the order of the numbers is the order
// of the sums.
using Match = unsigned long long;
__device__ __forceinline__ Match match_of(int row, int position) {
    return static_cast<Match>(row) << 32 | static_cast<unsigned>(position);
}
__device__ __forceinline__ int row_of(Match match) { return static_cast<int>(match >> 32); }
__device__ __forceinline__ int position_of(Match match) { return static_cast<int>(match & 0xffffffffu); }

// Puts `count` matches in order: each goes to the place that is the number of smaller ones.
__device__ __forceinline__ void sort_matches(const Match* matches, Match* sorted, int count) {
    for (int i = threadIdx.x; i < count; i += THREADS) {
        int place = 0;
        for (int other = 0; other < count; ++other) place += matches[other] < matches[i];
        sorted[place] = matches[i];
    }
}

// Adds rows of dy to rows of dtable, in order.  A thread has the same N columns of all of them; it loads AT_ONCE rows
// before it adds the first, and keeps the sum of a row of the table in registers until the next row begins.
template <class T, int N>
__device__ __forceinline__ void add_rows(const T* dy, T* dtable, const Match* sorted, int count, int width) {
    using Piece = Vector<T, N>;
    for (int column = threadIdx.x * N; column < width; column += THREADS * N) {
        accumulator<T> sum[N] = {};
        for (int start = 0; start < count; start += AT_ONCE) {
            Piece terms[AT_ONCE], before[AT_ONCE];
#pragma unroll
            for (int k = 0; k < AT_ONCE; ++k) {
                if (start + k >= count) break;
                const Match match = sorted[start + k];
                const int row = row_of(match);
                terms[k] = load<N>(dy + static_cast<long long>(position_of(match)) * width + column);
                if (start + k == 0 || row_of(sorted[start + k - 1]) != row)
                    before[k] = load<N>(dtable + static_cast<long long>(row) * width + column);
            }
#pragma unroll
            for (int k = 0; k < AT_ONCE; ++k) {
                if (start + k >= count) break;
                const int row = row_of(sorted[start + k]);
                const bool begins = start + k == 0 || row_of(sorted[start + k - 1]) != row;
                const bool ends = start + k + 1 == count || row_of(sorted[start + k + 1]) != row;
#pragma unroll
                for (int n = 0; n < N; ++n)
                    sum[n] = (begins ? widened(before[k].at[n]) : sum[n]) + widened(terms[k].at[n]);
                if (!ends) continue;
                Piece result;
#pragma unroll
                for (int n = 0; n < N; ++n) result.at[n] = stored<T>(sum[n]);
                store<N>(dtable + static_cast<long long>(row) * width + column, result);
            }
        }
    }
}

// dtable[r] (+)= the sum of dy[i] over all i with index[i] = r, in the order of i; nothing for r = padding.
// Shapes: dy (count, width), index (count), dtable (rows, width).
//
// Block b owns the rows of the table that are b modulo the number of blocks, a power of two: rows that are wanted often
// tend to be neighbours, and so come to different blocks.  It writes zeros to them (unless adding), reads all indices,
// chunk by chunk, and keeps those of its rows as matches in shared memory, in any order that is always the same; when
// they no longer fit, and at the end, they are sorted and added.
// Three blocks per multiprocessor: left to choose, compilers for some architectures take fewer registers, and spill.
// Instances: embedding_backward<float, 1 | 4, int | long long>, embedding_backward<double, 1 | 2, int | long long>,
//  embedding_backward<__half | __nv_bfloat16, 1 | 4, int | long long>
template <class T, int N, class I>
__global__ void __launch_bounds__(THREADS, 3)
    embedding_backward(const T* __restrict__ dy, const I* __restrict__ index, T* __restrict__ dtable, int count,
                       int rows, int width, long long padding, bool add) {
    __shared__ Match matches[CAPACITY], sorted[CAPACITY];
    __shared__ int found[2][WARP];  // per round and warp; two of them, so that one barrier per chunk is enough
    const int lane = threadIdx.x % WARP, warp = threadIdx.x / WARP;
    const unsigned below = (1u << lane) - 1;

    if (!add) {
        const Vector<T, N> zeros = {};
        const long long first = blockIdx.x + static_cast<long long>(warp) * gridDim.x;
        for (long long row = first; row < rows; row += WARPS * gridDim.x)
            for (int column = lane * N; column < width; column += WARP * N)
                store<N>(dtable + row * width + column, zeros);
    }

    // One round more than there are chunks: in the last one nothing is found, and what waits is added.
    int waiting = 0;
    for (long long start = 0, turn = 0;; start += CHUNK, turn ^= 1) {
        int wanted[PER_THREAD];
        unsigned votes[PER_THREAD];
#pragma unroll
        for (int round = 0; round < PER_THREAD; ++round) {
            const long long position = start + round * THREADS + threadIdx.x;
            const long long row = position < count ? static_cast<long long>(index[position]) : -1;
            const bool mine = row >= 0 && row < rows && row != padding && (row & (gridDim.x - 1)) == blockIdx.x;
            wanted[round] = mine ? static_cast<int>(row) : -1;
            votes[round] = __ballot_sync(ALL_LANES, mine);
            if (lane == 0) found[turn][round * WARPS + warp] = __popc(votes[round]);
        }
        __syncthreads();
        // Lane l of every warp sums the counts up to and with the l-th; the last lane has them all.
        const int own = found[turn][lane];
        int up_to = own;
#pragma unroll
        for (int distance = 1; distance < WARP; distance *= 2) {
            const int other = __shfl_up_sync(ALL_LANES, up_to, distance);
            if (lane >= distance) up_to += other;
        }
        const int all = __shfl_sync(ALL_LANES, up_to, WARP - 1);
        if (waiting + all > CAPACITY || start >= count) {
            // The barrier above lies between these reads and what wrote the matches, or read what was sorted before.
            sort_matches(matches, sorted, waiting);
            __syncthreads();
            add_rows<T, N>(dy, dtable, sorted, waiting, width);
            waiting = 0;
        }
        if (start >= count) return;
#pragma unroll
        for (int round = 0; round < PER_THREAD; ++round) {
            const int before = __shfl_sync(ALL_LANES, up_to - own, round * WARPS + warp);
            const int position = static_cast<int>(start + round * THREADS + threadIdx.x);
            if (wanted[round] >= 0)
                matches[waiting + before + __popc(votes[round] & below)] = match_of(wanted[round], position);
        }
        waiting += all;
    }
}
