// Rows in a random order, each computed by itself: the integers of fusegrad/backend/permutation.py, which says how.
#pragma once
#include "philox.cuh"

// The Feistel network, once: a bijection of the numbers of 2 · half bits.
__device__ __forceinline__ unsigned scrambled(
    unsigned value, int half, unsigned long long seed, unsigned long long epoch) {
    constexpr unsigned ROUNDS = 6, FIRST = 0u - ROUNDS;  // so the nodes of a graph draw other words
    const unsigned mask = (1u << half) - 1;
    unsigned left = value >> half, right = value & mask;
#pragma unroll 1
    for (unsigned round = 0; round < ROUNDS; ++round) {
        const unsigned next = left ^ (drawn(right, FIRST + round, epoch, seed).at[0] & mask);
        left = right;
        right = next;
    }
    return left << half | right;
}

// The row at place `index` of `rows`, which are no more than 2^(2 half); what lies beyond them goes through again.
__device__ __forceinline__ unsigned permuted(
    unsigned index, unsigned rows, int half, unsigned long long seed, unsigned long long epoch) {
    do index = scrambled(index, half, seed, epoch);
    while (index >= rows);
    return index;
}
