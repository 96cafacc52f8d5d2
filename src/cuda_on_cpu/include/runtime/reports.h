// Reports of the checker, and leaving a kernel.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "state.h"

namespace coc {

enum Kind { MEMCHECK = 1, RACECHECK, INITCHECK, SYNCCHECK, ALIGN, FAIL, DEADLOCK, BOUNDS };  // as in reports.py
enum { STATIC_SHARED = -1, DYNAMIC_SHARED = -2, NO_ARRAY = -9 };  // in place of an array

static int n_reports;  // kept for Python
static long n_found;   // with repetitions

static bool is_repetition(int kind, const char* message, int line, uintptr_t pc) {
    for (int i = 0; i < n_reports; i++) {
        const Report& r = launch.reports[i];
        if (r.kind == kind && r.pc == pc && r.line == line && !strcmp(r.message, message)) return true;
    }
    return false;
}

// One report per place and message; null where it is a repetition, or where there are enough.
static Report* report(int kind, const char* message, int line, uintptr_t pc = 0) {
    n_found++;
    if (is_repetition(kind, message, line, pc) || n_reports >= launch.max_reports) return nullptr;
    Report& r = launch.reports[n_reports++];
    memset(&r, 0, sizeof r);
    r.kind = kind;
    r.line = line;
    r.pc = pc;
    r.array = NO_ARRAY;
    r.block[0] = coc_now.block.x;
    r.block[1] = coc_now.block.y;
    r.block[2] = coc_now.block.z;
    if (current >= 0) coordinates(current, r.thread);
    snprintf(r.message, sizeof r.message, "%s", message);
    return &r;
}

// Leaves the kernel before the bad access happens; the other threads of the launch are never resumed, and their
// stacks are used anew in the next launch.
[[noreturn]] static void abort_launch();

}  // namespace coc

COC_API void coc_fail(const char* message, int line) {
    coc::report(coc::FAIL, message, line);
    coc::abort_launch();
}

COC_API void coc_misaligned(const void* p, int bytes, int line) {
    char text[160];
    snprintf(text, sizeof text, "misaligned access of %d bytes (address ends in 0x%x)", bytes,
             (unsigned)((uintptr_t)p & 15));
    coc::report(coc::ALIGN, text, line);
    coc::abort_launch();
}
