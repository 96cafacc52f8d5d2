// Running a block: the order of its threads, and deadlocks.
#pragma once

#include "hooks.h"

namespace coc {

static uint64_t random_state;

static uint64_t next_random() {  // xorshift64
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static void shuffle_order(std::vector<int>& order) {
    for (size_t i = order.size(); i > 1; i--) std::swap(order[i - 1], order[next_random() % i]);
}

static void order_threads() {
    const int n = (int)threads.size();
    start_order.clear();
    if (launch.order == WARPS_REVERSED) {
        for (int warp = (int)warps.size() - 1; warp >= 0; warp--)
            for (int t = warp * 32; t < std::min(n, warp * 32 + 32); t++) start_order.push_back(t);
        return;
    }
    for (int t = 0; t < n; t++) start_order.push_back(launch.order == REVERSE ? n - 1 - t : t);
    if (launch.order == RANDOM) shuffle_order(start_order);
}

static void reset_threads() {
    for (size_t t = 0; t < threads.size(); t++) {
        threads[t].state = NEW;
        threads[t].copies.clear();
        threads[t].copy_groups.clear();
        if (warps[t >> 5].time) memset(threads[t].seen, 0, sizeof threads[t].seen);
    }
    for (size_t w = 0; w < warps.size(); w++) {
        const int lanes = std::min(32, (int)threads.size() - (int)w * 32);
        warps[w].exist = warps[w].alive = lanes == 32 ? ~0u : (1u << lanes) - 1;
        warps[w].groups.clear();
        warps[w].time = 0;
    }
}

static void start_block() {
    n_alive = (int)threads.size();
    n_at_barrier = 0;
    ready.clear();
    next_new = 0;
    block_epoch = ++epoch;
    order_threads();
    reset_threads();
    poison_shared();
}

static int last_in_state(State state, int& count) {
    int found = -1;
    count = 0;
    for (size_t t = 0; t < threads.size(); t++) {
        if (threads[t].state != state) continue;
        found = (int)t;
        count++;
    }
    return found;
}

// Threads are alive and nobody can run.
static void report_deadlock() {
    int n_barrier, n_warp, line = 0, n = 0;
    char text[160];
    const int barrier = last_in_state(AT_BARRIER, n_barrier), warp = last_in_state(AT_WARP_OPERATION, n_warp);
    n += snprintf(text, sizeof text, "deadlock of %d threads:", n_alive);
    if (barrier >= 0) {
        line = threads[barrier].barrier_line;
        n += snprintf(text + n, sizeof text - n, " %d at __syncthreads (thread %d at line %d)", n_barrier, barrier,
                      line);
    }
    if (warp >= 0) {
        line = threads[warp].warp_line;
        snprintf(text + n, sizeof text - n, " %d at a warp operation (thread %d at line %d, mask %08x)", n_warp, warp,
                 line, threads[warp].warp_mask);
    }
    current = warp >= 0 ? warp : barrier;  // whose coordinates the report has
    report(DEADLOCK, text, line);
    aborted = true;
}

static void resume_random() {
    std::swap(ready[next_random() % ready.size()], ready.back());
    const int thread = ready.back();
    ready.pop_back();
    resume(thread);
}

static void resume_all() {
    static std::vector<int> batch;
    batch.clear();
    batch.swap(ready);
    for (size_t i = 0; i < batch.size() && !aborted; i++) resume(batch[i]);
}

static void run_block() {
    start_block();
    while (!aborted) {
        if (ready.empty() && next_new >= start_order.size())
            for (int t : start_order)
                if (threads[t].state == YIELDED) make_ready(t);
        if (!ready.empty())
            launch.order == RANDOM ? resume_random() : resume_all();
        else if (next_new < start_order.size())
            start_threads();
        else
            break;
    }
    if (!aborted && n_alive) report_deadlock();
    current = -1;
}

}  // namespace coc
