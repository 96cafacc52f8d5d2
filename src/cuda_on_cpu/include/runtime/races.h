// Shadow memory, and the rule for races.
//
// Each byte of shared memory, and each granule of an array, has a record of its last write and of its readers. Two
// accesses race if different threads make them in the same barrier epoch, one of them writes, not both are atomic, and
// no __syncwarp() orders them. Accesses of different blocks race if one of them is a write that is not atomic. None of
// this depends on the order in which the threads happened to run.
#pragma once

#include "warp_operations.h"

namespace coc {

enum Readers : uint8_t { ONE_READER, ONE_WARP, ONE_BLOCK, MANY_BLOCKS };
// In write_flags, next to COC_ATOMIC: a cp.async on its way; the block of the last write has also written plainly.
enum { PENDING_COPY = 16, PLAIN_IN_BLOCK = 32 };

struct Cell {
    uint32_t write_epoch, write_block, write_time;
    uint32_t read_epoch, read_block, read_time;  // of the latest reader
    uint32_t read_lanes;                         // if all readers are of one warp
    uint16_t write_thread, read_thread;
    uint8_t write_flags, readers;
};

// Cells that are kept from launch to launch: epochs only grow, so what an earlier launch left is known to be old.
struct Shadow {
    Cell* cells = nullptr;
    size_t size = 0;
    void reserve(size_t n) {
        if (n <= size) return;
        release();
        cells = (Cell*)calloc(n, sizeof(Cell));
        size = n;
    }
    void release() {
        free(cells);
        cells = nullptr;
        size = 0;
    }
};

struct Access {  // one access, and where it lies
    const char* p;
    size_t bytes;
    int flags;
    uintptr_t pc;
    int array;
    int64_t offset;
};

static Report* report_access(int kind, const char* message, const Access& a) {
    Report* r = report(kind, message, 0, a.pc);
    if (!r) return nullptr;
    r->array = a.array;
    r->offset = a.offset;
    r->size = (int)a.bytes;
    return r;
}

static void report_race(const char* message, const Access& a, int other_thread, uint32_t other_block) {
    Report* r = report_access(RACECHECK, message, a);
    if (!r) return;
    r->other_block = other_block;
    coordinates(other_thread, r->other_thread);
}

// Whether what `thread` did at `time` of its warp comes before what the current thread does now.
static bool ordered(unsigned thread, uint32_t time) {
    return thread >> 5 == (unsigned)current >> 5 && threads[current].seen[thread & 31] > time;
}

// Against the last write. `since`: records of earlier epochs belong to another launch (arrays) or block (shared).
static void check_against_write(const Cell& c, uint32_t since, const Access& a) {
    const bool both_atomic = (a.flags & COC_ATOMIC) && (c.write_flags & COC_ATOMIC);
    if (c.write_epoch < since) return;
    const bool write = a.flags & COC_WRITE;
    if (c.write_block != block_index) {
        if (!launch.allow_interblock && !(both_atomic && !(c.write_flags & PLAIN_IN_BLOCK)))
            report_race(write ? "write/write race between blocks" : "read/write race between blocks", a, c.write_thread,
                        c.write_block);
    } else if (c.write_epoch == epoch && c.write_thread != current && !both_atomic &&
               !ordered(c.write_thread, c.write_time)) {
        report_race(write ? "write/write race" : "read-after-write race (missing barrier)", a, c.write_thread,
                    c.write_block);
    }
}

// Whether a reader of this block and epoch is not ordered before the current thread.
static bool races_with_readers(const Cell& c) {
    const unsigned me = (unsigned)current;
    if (c.readers == ONE_READER) return c.read_thread != me && !ordered(c.read_thread, c.read_time);
    if (c.readers != ONE_WARP || c.read_thread >> 5 != me >> 5) return true;
    for (uint32_t rest = c.read_lanes & ~(1u << (me & 31)); rest; rest &= rest - 1)
        if (!ordered((me & ~31u) + __builtin_ctz(rest), c.read_time)) return true;
    return false;
}

static void check_against_readers(const Cell& c, uint32_t since, const Access& a) {
    if (c.read_epoch < since) return;
    if (c.read_block != block_index || c.readers == MANY_BLOCKS) {
        if (!launch.allow_interblock)
            report_race("write-after-read race between blocks", a, c.read_thread, c.read_block);
    } else if (c.read_epoch == epoch && races_with_readers(c)) {
        report_race("write-after-read race (missing barrier)", a, c.read_thread, c.read_block);
    }
}

// An atomic write must not hide a plain one of the same thread just before it, nor one of the same block from others.
static void record_write(Cell& c, uint32_t since, int flags) {
    const uint32_t now = warps[current >> 5].time;
    const bool plain = !(flags & COC_ATOMIC), same_block = c.write_epoch >= since && c.write_block == block_index;
    const bool again = same_block && c.write_epoch == epoch && c.write_thread == current && c.write_time == now;
    const bool plain_before = again && !(c.write_flags & COC_ATOMIC);
    const bool plain_in_block = plain || (same_block && c.write_flags & PLAIN_IN_BLOCK);
    c.write_epoch = epoch;
    c.write_block = block_index;
    c.write_thread = (uint16_t)current;
    c.write_time = now;
    c.write_flags = (uint8_t)((plain || plain_before ? 0 : COC_ATOMIC) | (plain_in_block ? PLAIN_IN_BLOCK : 0));
}

static void record_read(Cell& c, uint32_t since) {
    const unsigned me = (unsigned)current;
    const bool old = c.read_epoch < since;
    if (!old && (c.read_block != block_index || c.readers == MANY_BLOCKS)) {
        c.readers = MANY_BLOCKS;
    } else if (old || c.read_epoch < epoch || (c.readers == ONE_READER && c.read_thread == me)) {
        c.readers = ONE_READER;
        c.read_lanes = 1u << (me & 31);
    } else if (c.readers <= ONE_WARP && c.read_thread >> 5 == me >> 5) {
        c.readers = ONE_WARP;
        c.read_lanes |= 1u << (me & 31);
    } else {
        c.readers = ONE_BLOCK;
    }
    c.read_thread = (uint16_t)me;
    c.read_time = warps[me >> 5].time;
    c.read_epoch = epoch;
    c.read_block = block_index;
}

// Checks one access to one cell and records it; false if there was a race.
static bool check_race(Cell& c, uint32_t since, const Access& a) {
    const long before = n_found;
    check_against_write(c, since, a);
    if (a.flags & COC_WRITE) {
        check_against_readers(c, since, a);
        record_write(c, since, a.flags);
    } else {
        record_read(c, since);
    }
    return n_found == before;
}

}  // namespace coc
