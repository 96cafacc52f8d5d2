// Every checked access comes through here: which memory it means, and whether it may.
#pragma once

#include "races.h"

namespace coc {

static Shadow static_shadow, dynamic_shadow, array_shadow;
static std::vector<Cell*> array_cells;  // where the cells of each array begin in array_shadow
static int last_array, last_shared;     // of the latest access, the likeliest for the next one

// An atomic operation reads and writes.
static bool reads(const Access& a) { return !(a.flags & COC_WRITE) || (a.flags & COC_ATOMIC); }

// ---------------------------------------------------------------- shared memory
static void check_shared(Cell* cells, const Access& a) {
    const bool write = a.flags & COC_WRITE;
    for (size_t i = 0; i < a.bytes; i++) {
        Cell& c = cells[i];
        if (reads(a) && c.write_epoch < block_epoch) {
            report_access(INITCHECK, "read of uninitialised shared memory (or a barrier is missing before it)", a);
            return;
        }
        if (reads(a) && (c.write_flags & PENDING_COPY)) {
            report_access(INITCHECK, "read of a cp.async destination before cp.async.wait_group", a);
            return;
        }
        if (!check_race(c, block_epoch, a)) {  // one report per access; still the write is recorded
            for (size_t k = i + 1; write && k < a.bytes; k++) record_write(cells[k], block_epoch, a);
            return;
        }
    }
}

static bool in_shared_range(int i, int64_t offset) {
    return i < launch.n_shared && offset >= launch.shared[i].offset &&
           offset < (int64_t)launch.shared[i].offset + launch.shared[i].bytes;
}

static void check_static_shared(const Access& a) {
    if (!in_shared_range(last_shared, a.offset)) {
        int i = 0;
        while (i < launch.n_shared && !in_shared_range(i, a.offset)) i++;
        last_shared = i < launch.n_shared ? i : 0;
        if (i == launch.n_shared) {
            report_access(MEMCHECK, "access outside the shared arrays of the kernel", a);
            abort_launch();
        }
    }
    const SharedRange& range = launch.shared[last_shared];
    if (a.offset + a.bytes > (uint64_t)range.offset + range.bytes) {
        report_access(MEMCHECK, "access crosses the end of the shared array", a);
        abort_launch();
    }
    check_shared(static_shadow.cells + a.offset, a);
}

static void check_dynamic_shared(const Access& a) {
    if (a.offset + a.bytes > launch.dynamic_bytes) {
        report_access(MEMCHECK, "access crosses the end of the dynamic shared memory given at launch", a);
        abort_launch();
    }
    check_shared(dynamic_shadow.cells + a.offset, a);
}

// ---------------------------------------------------------------- arrays
static int64_t distance(const char* p, const char* low, const char* high) {
    return p < low ? low - p : p >= high ? p - high + 1 : 0;
}

// An access outside of everything: the report names the nearest memory.
[[noreturn]] static void outside_everything(Access a) {
    const char* message = a.flags & COC_WRITE ? "global write out of bounds" : "global read out of bounds";
    int64_t best = INT64_MAX;
    for (int i = 0; i < launch.n_arrays; i++) {
        const ArrayRange& array = launch.arrays[i];
        const int64_t d = distance(a.p, array.address, array.address + array.bytes);
        if (d >= best) continue;
        best = d;
        a.array = i;
        a.offset = a.p - array.address;
    }
    if ((uintptr_t)a.p < PAGE) {
        message = "access through a null pointer";
        a.array = NO_ARRAY;
    } else if (within(a.p, dynamic - DYNAMIC_MARGIN, dynamic + launch.dynamic_bytes + DYNAMIC_MARGIN)) {
        message = "access outside the dynamic shared memory given at launch";
        a.array = DYNAMIC_SHARED;
        a.offset = a.p - dynamic;
    } else if (launch.n_shared && distance(a.p, static_low, static_high) < best) {
        message = "access outside the shared arrays of the kernel";
        a.array = STATIC_SHARED;
        a.offset = a.p - static_low;
    }
    report_access(MEMCHECK, message, a);
    abort_launch();
}

// The array that an address lies in, or -1.
static int find_array(const char* p) {
    const ArrayRange* arrays = launch.arrays;
    if (last_array < launch.n_arrays) {
        const ArrayRange& last = arrays[last_array];
        if (within(p, last.address, last.address + last.bytes)) return last_array;
    }
    const ArrayRange* next = std::upper_bound(arrays, arrays + launch.n_arrays, p,
                                              [](const char* q, const ArrayRange& array) { return q < array.address; });
    const int i = (int)(next - arrays) - 1;
    if (i < 0 || p >= arrays[i].address + arrays[i].bytes) return -1;
    return last_array = i;
}

static void check_array_bounds(const ArrayRange& array, const Access& a) {
    const bool write = a.flags & COC_WRITE;
    const char* message = nullptr;
    if (a.offset + a.bytes > array.bytes)
        message = write ? "global write crosses the end of the array" : "global read crosses the end of the array";
    else if (write && array.read_only)
        message = "write to an array that was passed as read-only";
    if (!message) return;
    report_access(MEMCHECK, message, a);
    abort_launch();
}

// Marks what is written as initialised; false for a read of what nobody ever wrote.
static bool check_initialised(const ArrayRange& array, size_t first, size_t last, const Access& a) {
    if (!array.valid) return true;
    if (reads(a))
        for (size_t g = first; g <= last; g++)
            if (!array.valid[g]) {
                report_access(INITCHECK, "read of uninitialised global memory", a);
                return false;
            }
    if (a.flags & COC_WRITE) memset(array.valid + first, 1, last - first + 1);
    return true;
}

// ld.global.nc may see old data of the read-only cache, whatever the barriers.
static bool check_noncoherent(const Cell& c, const Access& a) {
    if (!(a.flags & COC_NONCOHERENT) || c.write_epoch < launch_epoch) return true;
    if (c.write_block == block_index && c.write_thread == (unsigned)current) return true;
    report_race("non-coherent load (ld.global.nc) of memory that this launch writes", a, c.write_thread, c.write_block);
    return false;
}

static void check_array(int number, Access a) {
    const ArrayRange& array = launch.arrays[number];
    a.array = number;
    a.offset = a.p - array.address;
    check_array_bounds(array, a);
    const size_t first = a.offset / array.granule, last = (a.offset + a.bytes - 1) / array.granule;
    if (a.bytes < (size_t)array.granule && first == last)
        a.part = (uint8_t)(((1u << a.bytes) - 1) << a.offset % array.granule);
    if (!check_initialised(array, first, last, a)) return;
    for (size_t g = first; g <= last; g++) {
        Cell& c = array_cells[number][g];
        if (!check_noncoherent(c, a) || !check_race(c, launch_epoch, a)) return;
    }
}

static void reserve_shadow() {
    static_shadow.reserve(static_high - static_low);
    dynamic_shadow.reserve(launch.dynamic_bytes);
    size_t total = 0;
    for (int i = 0; i < launch.n_arrays; i++) total += launch.arrays[i].bytes / launch.arrays[i].granule + 1;
    array_shadow.reserve(total);
    array_cells.clear();
    Cell* next = array_shadow.cells;
    for (int i = 0; i < launch.n_arrays; i++) {
        array_cells.push_back(next);
        next += launch.arrays[i].bytes / launch.arrays[i].granule + 1;
    }
    last_array = last_shared = 0;
}

static void release_large_shadow() {
    const size_t keep = 1 << 16;  // 3.1 MB; a process may hold a hundred modules
    if (array_shadow.size > keep) array_shadow.release();
}

}  // namespace coc

COC_API void coc_access(const void* p, size_t bytes, int flags, uintptr_t pc) {
    using namespace coc;
    if (current < 0 || !launch.check) return;
    const char* stack = workers[threads[current].worker].stack;
    if (within(p, stack, stack + STACK_BYTES)) return;   // local variables
    if (within(p, &coc_now, &coc_now + 1)) return;       // threadIdx and the like
    Access a{(const char*)p, bytes, flags, pc, NO_ARRAY, 0, 0xF};
    if (is_static_shared(p)) {
        a.array = STATIC_SHARED;
        a.offset = a.p - static_low;
        check_static_shared(a);
    } else if (is_dynamic_shared(p)) {
        a.array = DYNAMIC_SHARED;
        a.offset = a.p - dynamic;
        check_dynamic_shared(a);
    } else if (const int array = find_array(a.p); array >= 0) {
        check_array(array, a);
    } else if (!within(p, module_low, module_high)) {  // __constant__ and __device__ variables are not checked
        outside_everything(a);
    }
}
