// cp.async: copies to shared memory that may land at any time between issue and wait.
//
// A copy counts as a write at both ends. In between its destination is NaN and must not be read; the data move at the
// wait. A copy that was only delayed would hide a missing barrier at the end of a double-buffered loop.
#pragma once

#include "accesses.h"

namespace coc {

static void check_pieces(const void* p, int bytes, int flags, int line) {
    for (int i = 0; i < bytes; i += 4) coc_access((const char*)p + i, std::min(4, bytes - i), flags, (uintptr_t)line);
}

static void mark_pending(const PendingCopy& copy, bool pending) {
    if (!launch.check) return;
    const bool is_static = is_static_shared(copy.dst);
    if (!is_static && !is_dynamic_shared(copy.dst)) return;
    Cell* cells = is_static ? &static_shadow.cells[copy.dst - static_low] : &dynamic_shadow.cells[copy.dst - dynamic];
    for (int i = 0; i < copy.bytes; i++) {
        const int flags = cells[i].write_flags & ~PENDING_COPY;
        cells[i].write_flags = (uint8_t)(pending ? flags | PENDING_COPY : flags);
    }
}

static void complete(const PendingCopy& copy) {
    mark_pending(copy, false);
    check_pieces(copy.dst, copy.bytes, COC_WRITE, copy.line);
    memcpy(copy.dst, copy.src, copy.src_bytes);
    memset(copy.dst + copy.src_bytes, 0, copy.bytes - copy.src_bytes);
}

static void thread_returned(int number) {
    Thread& thread = threads[number];
    if (!thread.copies.empty()) {
        report(FAIL, "thread returned with cp.async copies that were never waited for", thread.copies[0].line);
        thread.copies.clear();
        thread.copy_groups.clear();
    }
    finish_groups_without(number);
}

}  // namespace coc

COC_API void coc_cp_async(void* dst, const void* src, int bytes, int src_bytes, int line) {
    using namespace coc;
    if ((uintptr_t)dst % bytes || (src_bytes && (uintptr_t)src % bytes)) {
        report(ALIGN, "cp.async operands are not aligned to the copy size", line);
        abort_launch();
    }
    check_pieces(src, src_bytes, COC_READ, line);
    check_pieces(dst, bytes, COC_WRITE, line);
    const PendingCopy copy{(char*)dst, (const char*)src, bytes, src_bytes, line};
    mark_pending(copy, true);
    memset(dst, 0xFF, bytes);
    threads[current].copies.push_back(copy);
}

COC_API void coc_cp_commit() {
    coc::Thread& thread = coc::threads[coc::current];
    thread.copy_groups.push_back((int)thread.copies.size());
}

COC_API void coc_cp_wait(int keep) {
    coc::Thread& thread = coc::threads[coc::current];
    const int n = (int)thread.copy_groups.size();
    if (n <= keep) return;
    const int done = thread.copy_groups[n - 1 - keep];
    for (int i = 0; i < done; i++) coc::complete(thread.copies[i]);
    thread.copies.erase(thread.copies.begin(), thread.copies.begin() + done);
    thread.copy_groups.erase(thread.copy_groups.begin(), thread.copy_groups.end() - keep);
    for (int& end : thread.copy_groups) end -= done;
}
