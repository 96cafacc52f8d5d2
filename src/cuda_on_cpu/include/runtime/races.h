// Shadow memory, and the rule for races.
//
// Each byte of shared memory, and each granule of an array, has a record of its last write and of its readers. Bytes of
// one granule do not race, but of writes to them only the last one is known. Two
// accesses race if different threads make them in the same barrier epoch, one of them writes, not both are atomic, and
// no __syncwarp() orders them. Accesses of different blocks race if one of them is a write that is not atomic. None of
// this depends on the order in which the threads happened to run.
#pragma once

#include "warp_operations.h"

namespace coc {

enum Readers : uint8_t { ONE_READER, ONE_WARP, ONE_BLOCK, MANY_BLOCKS };
// In write_flags, next to COC_ATOMIC: a cp.async on its way; the block of the last write has also written in a way that
// is not atomic for other blocks; there is an earlier write that matters; it was atomic; other blocks have written, too.
enum { PENDING_COPY = 16, PLAIN_FOR_OTHERS = 32, HAS_EARLIER = 64, EARLIER_ATOMIC = 128, OTHER_BLOCKS = 1 };

struct Cell {
    uint32_t write_epoch, write_block, write_time;
    uint16_t write_thread, read_thread;
    uint8_t write_flags, readers;
    uint8_t write_part, read_part;               // which bytes of the granule
    uint32_t read_epoch, read_block, read_time;  // of the latest reader; of many blocks, the first
    uint32_t read_lanes;                         // of one warp, its readers; of one block, a thread beside read_thread
    uint32_t earlier_time;                       // of an earlier write of the same epoch
    uint16_t earlier_thread, other_thread;
    uint32_t other_block;  // of another block that has written
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
    uint8_t part;  // which bytes of a granule, if it is less than one
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

// Whether an access, or a part of it, is plain for other blocks.
static bool is_plain_for_others(int flags) { return !(flags & COC_ATOMIC) || (flags & COC_BLOCK_SCOPE); }

// Whether a write of this epoch races with an access of the current thread.
static bool races_with_write(unsigned thread, uint32_t time, bool atomic, const Access& a) {
    return thread != (unsigned)current && !(atomic && a.flags & COC_ATOMIC) && !ordered(thread, time);
}

// Against the writes. `since`: records of earlier epochs belong to another launch (arrays) or block (shared).
static void check_against_writes(const Cell& c, uint32_t since, const Access& a) {
    if (c.write_epoch < since || !(c.write_part & a.part)) return;
    const bool write = a.flags & COC_WRITE;
    if (c.write_block != block_index) {
        if (!launch.allow_interblock && (is_plain_for_others(a.flags) || (c.write_flags & PLAIN_FOR_OTHERS)))
            report_race(write ? "write/write race between blocks" : "read/write race between blocks", a, c.write_thread,
                        c.write_block);
    } else if (c.write_flags & OTHER_BLOCKS && !launch.allow_interblock && is_plain_for_others(a.flags)) {
        report_race(write ? "write/write race between blocks" : "read/write race between blocks", a, c.other_thread,
                    c.other_block);
    } else if (c.write_epoch == epoch) {
        const char* message = write ? "write/write race" : "read-after-write race (missing barrier)";
        if (races_with_write(c.write_thread, c.write_time, c.write_flags & COC_ATOMIC, a))
            report_race(message, a, c.write_thread, c.write_block);
        else if (c.write_flags & HAS_EARLIER &&
                 races_with_write(c.earlier_thread, c.earlier_time, c.write_flags & EARLIER_ATOMIC, a))
            report_race(message, a, c.earlier_thread, c.write_block);
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

// A reader that is not the current thread, which may have been the latest.
static unsigned other_reader(const Cell& c) {
    const unsigned me = (unsigned)current;
    if (c.read_thread != me || c.read_block != block_index) return c.read_thread;
    return c.readers == ONE_BLOCK ? c.read_lanes : (me & ~31u) + __builtin_ctz(c.read_lanes & ~(1u << (me & 31)));
}

static void check_against_readers(const Cell& c, uint32_t since, const Access& a) {
    if (c.read_epoch < since || !(c.read_part & a.part)) return;
    if (c.read_block != block_index || c.readers == MANY_BLOCKS) {
        if (!launch.allow_interblock)
            report_race("write-after-read race between blocks", a, c.read_thread, c.read_block);
    } else if (c.read_epoch == epoch && races_with_readers(c)) {
        report_race("write-after-read race (missing barrier)", a, other_reader(c), c.read_block);
    }
}

// An atomic write must hide neither a plain one, which races with atomic ones of others, nor an atomic one of another
// thread, which races with plain accesses of this one: one such earlier write of the epoch is kept. What is lost among
// several is what two threads of one kind did.
static uint8_t kept_earlier_write(Cell& c, const Access& a) {
    const unsigned me = (unsigned)current;
    const uint8_t kept = c.write_flags & (HAS_EARLIER | EARLIER_ATOMIC);
    if (!(a.flags & COC_ATOMIC)) return 0;  // races with all that are not ordered
    if (kept == HAS_EARLIER) return kept;
    const bool atomic = c.write_flags & COC_ATOMIC;
    if (!atomic || (c.write_thread != me && !ordered(c.write_thread, c.write_time))) {
        const bool better = kept && c.earlier_thread != me && c.earlier_thread >> 5 != me >> 5;
        if (atomic && better) return kept;
        c.earlier_thread = c.write_thread;
        c.earlier_time = c.write_time;
        return HAS_EARLIER | (atomic ? EARLIER_ATOMIC : 0);
    }
    return kept && c.earlier_thread != me && !ordered(c.earlier_thread, c.earlier_time) ? kept : 0;
}

static void record_write(Cell& c, uint32_t since, const Access& a) {
    const uint32_t now = warps[current >> 5].time;
    const bool same_block = c.write_epoch >= since && c.write_block == block_index;
    const bool same_epoch = same_block && c.write_epoch == epoch;
    const bool plain_for_others = is_plain_for_others(a.flags) || (same_block && c.write_flags & PLAIN_FOR_OTHERS);
    const uint8_t earlier = same_epoch ? kept_earlier_write(c, a) : 0;
    if (c.write_epoch >= since && !same_block) {
        c.other_thread = c.write_thread;
        c.other_block = c.write_block;
    }
    const bool others = c.write_epoch >= since && (!same_block || c.write_flags & OTHER_BLOCKS);
    const bool again = same_epoch && c.write_thread == (unsigned)current && c.write_time == now;
    c.write_epoch = epoch;
    c.write_block = block_index;
    c.write_thread = (uint16_t)current;
    c.write_time = now;
    c.write_part = again ? c.write_part | a.part : a.part;
    c.write_flags = (uint8_t)((a.flags & COC_ATOMIC) | earlier | (plain_for_others ? PLAIN_FOR_OTHERS : 0) |
                              (others ? OTHER_BLOCKS : 0));
}

static void record_one_more_of_the_block(Cell& c, unsigned me, const Access& a) {
    c.readers = ONE_BLOCK;
    if (c.read_thread != me) c.read_lanes = c.read_thread;
    c.read_thread = (uint16_t)me;
    c.read_part |= a.part;
}

// Readers that come before the current thread are forgotten: who comes after it comes after them as well.
static void record_read(Cell& c, uint32_t since, const Access& a) {
    const unsigned me = (unsigned)current;
    const bool same_epoch = c.read_epoch == epoch;  // hence of one block
    if (same_epoch && c.readers == ONE_BLOCK) {
        record_one_more_of_the_block(c, me, a);
        return;
    }
    if (c.read_epoch >= since && (c.read_block != block_index || c.readers == MANY_BLOCKS)) {
        c.readers = MANY_BLOCKS;  // the first reader stays, who is of another block than the one that runs
        c.read_part |= a.part;
        return;
    }
    const uint32_t now = warps[me >> 5].time;
    if (!same_epoch || ((c.read_time < now || c.readers == ONE_READER) && !races_with_readers(c))) {
        c.readers = ONE_READER;
        c.read_lanes = 1u << (me & 31);
        c.read_part = 0;
    } else if (c.read_thread >> 5 == me >> 5) {
        c.readers = ONE_WARP;
        c.read_lanes |= 1u << (me & 31);
    } else {
        record_one_more_of_the_block(c, me, a);
        return;
    }
    c.read_thread = (uint16_t)me;
    c.read_time = now;
    c.read_epoch = epoch;
    c.read_block = block_index;
    c.read_part |= a.part;
}

// Checks one access to one cell and records it; false if there was a race.
static bool check_race(Cell& c, uint32_t since, const Access& a) {
    const long before = n_found;
    check_against_writes(c, since, a);
    if (a.flags & COC_WRITE) {
        check_against_readers(c, since, a);
        record_write(c, since, a);
    } else {
        record_read(c, since, a);
    }
    return n_found == before;
}

}  // namespace coc
