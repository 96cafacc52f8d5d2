// Barriers of a block.
//
// They are told apart by line, not by return address: the compiler may duplicate a call. Two barriers in different
// branches of one line are not told apart.
#pragma once

#include "fibers.h"

namespace coc {

// Reports the first waiting thread whose barrier differs from that of the first one.
static void check_same_barrier(int first) {
    char text[160];
    for (size_t t = 0; t < threads.size(); t++) {
        const Thread &a = threads[first], &b = threads[t];
        if (b.state != AT_BARRIER || (a.barrier_line == b.barrier_line && a.barrier_id == b.barrier_id)) continue;
        snprintf(text, sizeof text, "divergent __syncthreads(): thread %d waits at line %d, thread %d at line %d",
                 first, a.barrier_line, (int)t, b.barrier_line);
        report(SYNCCHECK, text, b.barrier_line);
        return;
    }
}

static void check_all_arrived(int line) {
    if (!launch.strict_exit || n_alive == (int)threads.size()) return;
    char text[160];
    snprintf(text, sizeof text, "__syncthreads() reached by %d of %d threads (the others already returned)", n_alive,
             (int)threads.size());
    report(SYNCCHECK, text, line);
}

// All threads that are alive wait: check that they wait for the same, and wake them.
static void release_barrier() {
    int first = -1, count = 0;
    for (size_t t = 0; t < threads.size(); t++) {
        if (threads[t].state != AT_BARRIER) continue;
        if (first < 0) first = (int)t;
        count += threads[t].barrier_predicate != 0;
    }
    check_same_barrier(first);
    check_all_arrived(threads[first].barrier_line);
    const int result = count | (count > 0) << 16 | (count == n_at_barrier) << 17;
    epoch++;
    n_at_barrier = 0;
    for (int t : start_order) {
        if (threads[t].state != AT_BARRIER) continue;
        threads[t].barrier_result = result;
        make_ready(t);
    }
}

}  // namespace coc

COC_API void coc_barrier(int id, int line, int predicate, int* out) {
    using namespace coc;
    const int me = current;
    Thread& thread = threads[me];
    thread.barrier_line = line;
    thread.barrier_id = id;
    thread.barrier_predicate = predicate;
    thread.state = AT_BARRIER;
    n_at_barrier++;
    if (n_at_barrier == n_alive) release_barrier();
    suspend();
    if (out) *out = threads[me].barrier_result;
}
