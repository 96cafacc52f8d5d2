// The functions that Python calls.
#pragma once

#include <chrono>
#include <numeric>

#include "scheduler.h"

namespace coc {

static void start_epochs() {
    if (epoch > 0xF0000000u) {  // before the count begins anew, no old record may be left
        epoch = 0;
        static_shadow.release();
        dynamic_shadow.release();
        array_shadow.release();
    }
    launch_epoch = ++epoch;
}

static void start_launch(const Launch& wanted) {
    launch = wanted;
    coc_now.block_dim = {launch.block[0], launch.block[1], launch.block[2]};
    coc_now.grid_dim = {launch.grid[0], launch.grid[1], launch.grid[2]};
    const unsigned n_threads = launch.block[0] * launch.block[1] * launch.block[2];
    threads.resize(n_threads);
    warps.resize((n_threads + 31) / 32);
    n_workers = n_reports = 0;
    free_workers.clear();
    aborted = false;
    random_state = launch.seed * 0x9E3779B97F4A7C15ull + 0x1234567;
    find_static_shared();
    allocate_dynamic_shared();
    start_epochs();
    if (launch.check) reserve_shadow();
}

// The order of blocks: block (first + i step) mod n is number i.
static uint64_t n_blocks, n_blocks_done, first_block, block_step;

static void order_blocks() {
    n_blocks = (uint64_t)launch.grid[0] * launch.grid[1] * launch.grid[2];
    n_blocks_done = first_block = 0;
    block_step = 1;
    if (launch.order == REVERSE) first_block = block_step = n_blocks - 1;
    if (launch.order == RANDOM) {
        first_block = next_random() % n_blocks;
        do block_step = 1 + next_random() % n_blocks;
        while (std::gcd(block_step, n_blocks) != 1);
    }
}

static void run_next_block() {
    const coc_dim& grid = coc_now.grid_dim;
    const uint64_t b = (uint64_t)((first_block + (unsigned __int128)n_blocks_done++ * block_step) % n_blocks);
    block_index = (uint32_t)b;
    coc_now.block = {(unsigned)(b % grid.x), (unsigned)(b / grid.x % grid.y), (unsigned)(b / grid.x / grid.y)};
    run_block();
}

static bool is_finished() { return aborted || n_blocks_done == n_blocks; }

// Runs blocks until the launch is finished, or for a tenth of a second.
static void run_blocks() {
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(100);
    do run_next_block();
    while (!is_finished() && std::chrono::steady_clock::now() < end);
}

}  // namespace coc

// A kernel over a grid: one call of coc_start, then calls of coc_run, all from one OS thread. A kernel that must not go
// on is left at once, and a launch may be given up between two calls.
COC_EXPORT void coc_start(const coc::Launch* wanted) {
    coc::start_launch(*wanted);
    coc::order_blocks();
}

// The number of reports, or -1 if there are more blocks to run: Python looks for Ctrl-C between two calls.
COC_EXPORT int coc_run() {
#if defined(__x86_64__)
    const unsigned control = __builtin_ia32_stmxcsr();
    const unsigned flush = 0x8040;  // denormal results and operands become zero
    if (coc::launch.flush_denormals) __builtin_ia32_ldmxcsr(control | flush);
#endif
    coc::run_blocks();
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(control);
#endif
    if (!coc::is_finished()) return -1;
    coc::release_large_shadow();
    return coc::n_reports;
}
