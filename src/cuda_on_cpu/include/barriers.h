// Barriers of a block, and fences.
#pragma once

// Barriers are told apart by line; the compiler may duplicate calls, so return addresses would not do.
#define COC_LINE int line = __builtin_LINE()

namespace coc {

static inline int barrier_with_predicate(int predicate, int line) {
    int result;
    coc_barrier(0, line, predicate, &result);
    return result;
}

}  // namespace coc

static inline void __syncthreads(COC_LINE) { coc_barrier(0, line, 0, nullptr); }
static inline int __syncthreads_count(int p, COC_LINE) { return coc::barrier_with_predicate(p, line) & 0xFFFF; }
static inline int __syncthreads_or(int p, COC_LINE) { return coc::barrier_with_predicate(p, line) >> 16 & 1; }
static inline int __syncthreads_and(int p, COC_LINE) { return coc::barrier_with_predicate(p, line) >> 17 & 1; }

// One thread runs at a time, so memory is always consistent; a fence orders nothing for the rule of races.
static inline void __threadfence() {}
static inline void __threadfence_block() {}
static inline void __threadfence_system() {}
static inline void __nanosleep(unsigned) { coc_yield(); }
