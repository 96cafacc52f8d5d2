// Philox4x32-10 (Salmon et al., 2011, "Parallel random numbers: as easy as 1, 2, 3"): four random words per counter.
// The words are those of fusegrad/backend/random.py, bit by bit.
#pragma once

struct Words { unsigned at[4]; };

constexpr int PHILOX_ROUNDS = 10;

// About 100 instructions for four words, and nothing but registers.  AT_ONCE of the rounds are unrolled: fewer than all
// where a kernel draws at so many places that their text, and what the compiler shares among them, would be too much.
template <int AT_ONCE = PHILOX_ROUNDS>
__device__ __forceinline__ Words philox(unsigned c0, unsigned c1, unsigned c2, unsigned c3, unsigned k0, unsigned k1) {
    constexpr unsigned MULTIPLIER_0 = 0xD2511F53u, MULTIPLIER_1 = 0xCD9E8D57u;
    constexpr unsigned WEYL_0 = 0x9E3779B9u, WEYL_1 = 0xBB67AE85u;
#pragma unroll AT_ONCE
    for (int round = 0; round < PHILOX_ROUNDS; ++round) {
        const unsigned low0 = MULTIPLIER_0 * c0, high0 = __umulhi(MULTIPLIER_0, c0);
        const unsigned low1 = MULTIPLIER_1 * c2, high1 = __umulhi(MULTIPLIER_1, c2);
        c0 = high1 ^ c1 ^ k0;
        c1 = low1;
        c2 = high0 ^ c3 ^ k1;
        c3 = low0;
        k0 += WEYL_0;
        k1 += WEYL_1;
    }
    return {{c0, c1, c2, c3}};
}

// Words 4 block .. 4 block + 3 of the sequence that (seed, step, node) stands for.
template <int AT_ONCE = PHILOX_ROUNDS>
__device__ __forceinline__ Words drawn(unsigned block, unsigned node, unsigned long long step,
                                       unsigned long long seed) {
    const unsigned step_low = static_cast<unsigned>(step), step_high = static_cast<unsigned>(step >> 32);
    const unsigned seed_low = static_cast<unsigned>(seed), seed_high = static_cast<unsigned>(seed >> 32);
    return philox<AT_ONCE>(block, node, step_low, step_high, seed_low, seed_high);
}

// A number that lies on the device, or where there is none, one that came with the launch.
__device__ __forceinline__ unsigned long long given(const unsigned long long* on_device, unsigned long long number) {
    return on_device ? *on_device : number;
}
