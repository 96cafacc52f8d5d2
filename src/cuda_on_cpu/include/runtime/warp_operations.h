// Operations of the lanes of a warp: shuffles, votes, __syncwarp(), ldmatrix, mma.
#pragma once

#include "barriers.h"

namespace coc {

static void check_group(const Warp& warp, const Group& group, const Thread* lanes) {
    char text[160];
    int line = -1;
    for (unsigned rest = group.arrived; rest; rest &= rest - 1) {
        const int other = lanes[__builtin_ctz(rest)].warp_line;
        if (line >= 0 && other != line) {
            snprintf(text, sizeof text, "lanes meet at different warp operations (line %d and line %d)", line, other);
            report(SYNCCHECK, text, other);
        }
        line = other;
    }
    if (launch.strict_exit && group.arrived != (group.mask & warp.exist)) {
        snprintf(text, sizeof text, "warp operation with mask %08x executed by lanes %08x only (the others returned)",
                 group.mask & warp.exist, group.arrived);
        report(SYNCCHECK, text, line);
    }
}

// Only __syncwarp() orders memory, and only among the lanes of its mask: afterwards each of them has seen what any of
// them had seen, and what each of them did.
static void order_memory(Warp& warp, unsigned arrived, Thread* lanes) {
    uint32_t seen[32] = {};
    warp.time++;
    for (unsigned rest = arrived; rest; rest &= rest - 1)
        for (int k = 0; k < 32; k++) seen[k] = std::max(seen[k], lanes[__builtin_ctz(rest)].seen[k]);
    for (unsigned rest = arrived; rest; rest &= rest - 1) seen[__builtin_ctz(rest)] = warp.time;
    for (unsigned rest = arrived; rest; rest &= rest - 1) memcpy(lanes[__builtin_ctz(rest)].seen, seen, sizeof seen);
}

// All lanes of the group have arrived: run the operation over their frames and wake them.
static void finish_group(int number, size_t index, coc_collective_fn fn, void* user) {
    Warp& warp = warps[number];
    const Group group = warp.groups[index];
    warp.groups.erase(warp.groups.begin() + index);
    Thread* lanes = &threads[number * 32];
    void* frames[32] = {};
    for (unsigned rest = group.arrived; rest; rest &= rest - 1)
        frames[__builtin_ctz(rest)] = lanes[__builtin_ctz(rest)].frame;
    check_group(warp, group, lanes);
    if (fn) fn(frames, group.arrived, user);
    if (launch.check && group.kind == COC_SYNCWARP) order_memory(warp, group.arrived, lanes);
    for (unsigned rest = group.arrived; rest; rest &= rest - 1) make_ready(number * 32 + __builtin_ctz(rest));
}

static Group& group_of(Warp& warp, unsigned mask, int kind) {
    for (Group& group : warp.groups)
        if (group.mask == mask) return group;
    warp.groups.push_back({mask, 0, kind});
    return warp.groups.back();
}

// Operations that waited only for this thread are complete now.
static void finish_groups_without(int thread) {
    Warp& warp = warps[thread >> 5];
    warp.alive &= ~(1u << (thread & 31));
    for (size_t i = 0; i < warp.groups.size();) {
        const Group& group = warp.groups[i];
        if (group.arrived && group.arrived == (group.mask & warp.alive)) {
            const Thread& first = threads[(thread & ~31) + __builtin_ctz(group.arrived)];
            finish_group(thread >> 5, i, first.fn, first.user);
        } else {
            i++;
        }
    }
}

}  // namespace coc

COC_API void coc_collective(unsigned mask, int kind, int line, void* frame, coc_collective_fn fn, void* user) {
    using namespace coc;
    const int number = current >> 5, lane = current & 31;
    Thread& thread = threads[current];
    Warp& warp = warps[number];
    if (!(mask >> lane & 1)) {
        report(SYNCCHECK, "the calling lane is not in the mask of the warp operation", line);
        abort_launch();
    }
    thread.warp_line = line;
    thread.warp_mask = mask;
    thread.frame = frame;
    thread.fn = fn;
    thread.user = user;
    thread.state = AT_WARP_OPERATION;
    Group& group = group_of(warp, mask, kind);
    if (group.kind != kind) {
        report(SYNCCHECK, "lanes of one warp execute different warp operations", line);
        abort_launch();
    }
    group.arrived |= 1u << lane;
    if (group.arrived == (mask & warp.alive)) finish_group(number, &group - warp.groups.data(), fn, user);
    suspend();
}

// Which lanes run together after a branch is up to the compiler of the GPU; here it is all that have not returned.
COC_API unsigned coc_activemask() { return coc::warps[coc::current >> 5].alive; }
