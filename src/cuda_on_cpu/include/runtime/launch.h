// The function that Python calls.
#pragma once

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

static std::vector<int> block_order() {
    std::vector<int> blocks((size_t)launch.grid[0] * launch.grid[1] * launch.grid[2]);
    for (size_t i = 0; i < blocks.size(); i++) blocks[i] = (int)i;
    if (launch.order == REVERSE) std::reverse(blocks.begin(), blocks.end());
    if (launch.order == RANDOM) shuffle_order(blocks);
    return blocks;
}

static void run_blocks() {
    const coc_dim& grid = coc_now.grid_dim;
    for (int b : block_order()) {
        const unsigned linear = block_index = (uint32_t)b;
        coc_now.block = {linear % grid.x, linear / grid.x % grid.y, linear / grid.x / grid.y};
        run_block();
        if (aborted) return;
    }
}

}  // namespace coc

// Runs a kernel over a grid and returns the number of reports. A kernel that must not go on is left at once.
COC_EXPORT int coc_launch(const coc::Launch* wanted) {
    coc::start_launch(*wanted);
#if defined(__x86_64__)
    const unsigned control = __builtin_ia32_stmxcsr();
    const unsigned flush = 0x8040;  // denormal results and operands become zero
    if (wanted->flush_denormals) __builtin_ia32_ldmxcsr(control | flush);
#endif
    coc::run_blocks();
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr(control);
#endif
    coc::release_large_shadow();
    return coc::n_reports;
}
