// Arrays (batch, channels, places), of which a channel has one plane of `places` elements in every sample.
// Sums over a channel: a block has ACROSS neighbouring channels and a piece of the samples.  Of each channel its teams of
// TEAM threads, LINES for each channel, take the planes in turn.  With TEAM 1, for planes of few places, the lanes of a
// warp have neighbouring channels, and so neighbours read neighbouring memory in either case; with more than one warp
// for a channel, the block has one channel.
#pragma once
#include "teams.cuh"

// The teams that share the samples of a channel.
template <int TEAM, int ACROSS> constexpr int LINES = TEAMS<TEAM> / ACROSS;

// The channel of this thread, which may be one beyond the last, and its line.
template <int TEAM, int ACROSS> __device__ __forceinline__ int channel_of_thread() {
    return blockIdx.x * ACROSS + threadIdx.x / TEAM % ACROSS;
}

template <int TEAM, int ACROSS> __device__ __forceinline__ int line_of_thread() {
    return threadIdx.x / TEAM / ACROSS;
}

// Whether this thread is the one that writes what was summed for its channel.
template <int TEAM, int ACROSS> __device__ __forceinline__ bool is_writer() {
    return threadIdx.x % TEAM == 0 && line_of_thread<TEAM, ACROSS>() == 0;
}

// Samples `from` to `to` - 1 of `batch`: those of this block, as blockIdx.y has them, each of which has `length`.
struct Piece { int from, to; };
__device__ __forceinline__ Piece piece_of_block(int batch, int length) {
    const int from = blockIdx.y * length;
    return {from, batch - from < length ? batch : from + length};
}

// Calls see(offset) with the offset of each plane of the thread's channel in the piece that its team takes.
template <int TEAM, int ACROSS, class See>
__device__ __forceinline__ void each_plane(Piece piece, int channel, int channels, int places, See see) {
    for (int sample = piece.from + line_of_thread<TEAM, ACROSS>(); sample < piece.to; sample += LINES<TEAM, ACROSS>)
        see((static_cast<long long>(sample) * channels + channel) * places);
}

// The sum over all threads of the block that have the same channel; each of them gets it.
template <int TEAM, int ACROSS, class A> __device__ __forceinline__ A channel_sum(A x) {
    if constexpr (TEAM == 1) {
        static_assert(ACROSS == WARP, "a channel for each lane");
        __shared__ A of_lines[LINES<TEAM, ACROSS>][WARP];
        of_lines[threadIdx.x / WARP][threadIdx.x % WARP] = x;
        __syncthreads();
        A sum = 0;
#pragma unroll
        for (int line = 0; line < LINES<TEAM, ACROSS>; ++line) sum += of_lines[line][threadIdx.x % WARP];
        __syncthreads();  // the next call writes the parts again
        return sum;
    } else {
        static_assert(ACROSS == 1 || LINES<TEAM, ACROSS> == 1, "a channel for the block, or for each team");
        return team_sum<ACROSS == 1 ? THREADS<TEAM> : TEAM>(x);
    }
}
