// The state of a launch. All of it is global, because only one launch runs at a time.
#pragma once

#include <cstring>
#include <vector>

#include "context.h"

coc_current coc_now;

namespace coc {

// ---------------------------------------------------------------- what Python hands over: mirrored in launch.py
struct ArrayRange {  // an array that the kernel may touch; sorted by address
    char* address;
    uint64_t bytes;
    uint8_t* valid;  // one byte per granule, 0 where nothing was ever written; may be null
    int granule;
    int read_only;
};
struct SharedRange {  // a static shared array of the kernel; sorted by offset
    uint32_t offset, bytes;
};
struct Report {
    int kind, line;
    uintptr_t pc;
    unsigned block[3], thread[3], other_thread[3], other_block;
    int64_t offset;
    int array, size;
    char message[160];
};
enum Order { FORWARD, REVERSE, RANDOM, WARPS_REVERSED };
struct Launch {
    void (*invoke)(void**);
    void** arguments;
    const ArrayRange* arrays;
    const SharedRange* shared;
    char* stacks;
    Report* reports;
    uint64_t seed;
    unsigned grid[3], block[3];
    unsigned dynamic_bytes;
    int n_arrays, n_shared, max_reports;
    int check, order, strict_exit, allow_interblock, flush_denormals;
};

// ---------------------------------------------------------------- threads and warps
enum State : uint8_t { NEW, RUNNING, AT_BARRIER, AT_WARP_OPERATION, YIELDED, DONE };
struct PendingCopy {  // a cp.async that was issued and not waited for
    char* dst;
    const char* src;
    int bytes, src_bytes, line;
};
struct Thread {
    State state;
    int worker;  // whose stack it runs on
    int barrier_line, barrier_id, barrier_predicate, barrier_result;
    int warp_line;
    unsigned warp_mask;
    void* frame;  // operands of the warp operation, on the thread's own stack
    coc_collective_fn fn;
    void* user;
    uint32_t seen[32];  // seen[k]: warp time before which all accesses of lane k come before those of this thread
    std::vector<PendingCopy> copies;
    std::vector<int> copy_groups;  // where each committed group ends in `copies`
};
struct Group {  // lanes on their way into one warp operation
    unsigned mask, arrived;
    int kind;
};
struct Warp {
    unsigned exist, alive;
    std::vector<Group> groups;
    uint32_t time;  // counts __syncwarp(); the time stamp of memory accesses
};

static Launch launch;
static std::vector<Thread> threads;
static std::vector<Warp> warps;
static int current = -1;  // the thread that runs now, -1 in the scheduler
static int n_alive, n_at_barrier;
static std::vector<int> start_order;  // threads in the order in which they start
static size_t next_new;               // the first in start_order that has not started
static std::vector<int> ready;        // threads that can go on
static bool aborted;

// Counts barriers and starts of blocks over all launches, so that old records of accesses need not be cleared.
static uint32_t epoch;
static uint32_t launch_epoch, block_epoch, block_index;

static bool within(const void* p, const void* low, const void* high) {
    return (uintptr_t)p - (uintptr_t)low < (uintptr_t)high - (uintptr_t)low;
}

static void coordinates(unsigned linear, unsigned* out) {
    const coc_dim& block = coc_now.block_dim;
    out[0] = linear % block.x;
    out[1] = linear / block.x % block.y;
    out[2] = linear / block.x / block.y;
}

}  // namespace coc
