// CUDA threads as fibers, made lazily.
//
// A worker owns a stack. It runs fresh threads one after the other until one of them blocks; only then another worker
// takes over. So a kernel without barriers never switches stacks, and one with barriers does once per thread and
// barrier.
#pragma once

#include <sys/mman.h>

#include "shared_memory.h"

namespace coc {

enum { MAX_THREADS = 1024, STACK_BYTES = 128 * 1024 };  // of a block; of a thread, for its local arrays

struct Worker {
    Context context;
    char* stack;
};
static Worker workers[MAX_THREADS];
static int n_workers;  // made in this launch
static std::vector<int> free_workers;
static int starting_worker;
static Context scheduler;

static void release_barrier();
static void thread_returned(int thread);

static void set_current(int thread) {
    const coc_dim& block = coc_now.block_dim;
    const unsigned linear = (unsigned)thread;
    current = thread;
    coc_now.lane = linear & 31;
    coc_now.thread = {linear % block.x, linear / block.x % block.y, linear / block.x / block.y};
}

static void run_new_thread(int worker) {
    const int thread = start_order[next_new++];
    threads[thread].worker = worker;
    threads[thread].state = RUNNING;
    set_current(thread);
    launch.invoke(launch.arguments);
    threads[thread].state = DONE;
    n_alive--;
    thread_returned(thread);
    if (n_at_barrier && n_at_barrier == n_alive) release_barrier();
}

static void worker_main() {
    const int me = starting_worker;
    for (;;) {
        run_new_thread(me);
        // Woken threads go first: otherwise every thread that waits would need a stack of its own.
        while (next_new >= start_order.size() || !ready.empty()) {
            free_workers.push_back(me);
            switch_context(workers[me].context, scheduler);  // comes back only to start fresh threads
        }
    }
}

static int take_worker() {
    if (!free_workers.empty()) {
        const int worker = free_workers.back();
        free_workers.pop_back();
        return worker;
    }
    Worker& worker = workers[n_workers];
    worker.stack = launch.stacks + (size_t)n_workers * (STACK_BYTES + PAGE) + PAGE;
    make_context(worker.context, worker.stack, STACK_BYTES, worker_main);
    return n_workers++;
}

static void start_threads() {
    starting_worker = take_worker();
    switch_context(scheduler, workers[starting_worker].context);
}

static void suspend() { switch_context(workers[threads[current].worker].context, scheduler); }

static void resume(int thread) {
    set_current(thread);
    switch_context(scheduler, workers[threads[thread].worker].context);
}

static void make_ready(int thread) {
    threads[thread].state = RUNNING;
    ready.push_back(thread);
}

static void abort_launch() {
    if (current < 0) {
        fprintf(stderr, "cuda_on_cpu: failure outside of a kernel\n");
        abort();
    }
    aborted = true;
    suspend();
    abort();  // nobody resumes it
}

}  // namespace coc

COC_API void coc_yield() {
    coc::threads[coc::current].state = coc::YIELDED;
    coc::suspend();
}

// Stacks for all launches of the process, whichever module makes them: a block runs on them one launch at a time.
// Below each lies a guard page, so that an overflow ends the process instead of changing another stack. Null without
// memory; pages that are never used take none.
COC_EXPORT char* coc_make_stacks() {
    const size_t stride = coc::STACK_BYTES + coc::PAGE, bytes = stride * coc::MAX_THREADS;
    void* memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return nullptr;
    for (size_t i = 0; i < coc::MAX_THREADS; i++) mprotect((char*)memory + i * stride, coc::PAGE, PROT_NONE);
    return (char*)memory;
}
