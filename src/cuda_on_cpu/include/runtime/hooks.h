// Functions that the compiler calls in instrumented code; they are linked in place of the sanitizers' own libraries,
// which would have to be loaded before Python.
#pragma once

#include "async_copies.h"

// ---------------------------------------------------------------- -fsanitize=thread: before every memory access
#define COC_PC ((uintptr_t)__builtin_return_address(0))
#define COC_HOOK(name, bytes, flags) \
    COC_API void name(void* p) { coc_access(p, bytes, flags, COC_PC); }
#define COC_HOOKS(n)                                  \
    COC_HOOK(__tsan_read##n, n, COC_READ)             \
    COC_HOOK(__tsan_write##n, n, COC_WRITE)           \
    COC_HOOK(__tsan_unaligned_read##n, n, COC_READ)   \
    COC_HOOK(__tsan_unaligned_write##n, n, COC_WRITE) \
    COC_HOOK(__tsan_volatile_read##n, n, COC_READ)    \
    COC_HOOK(__tsan_volatile_write##n, n, COC_WRITE)
COC_HOOKS(1)
COC_HOOKS(2)
COC_HOOKS(4)
COC_HOOKS(8)
COC_HOOKS(16)
COC_API void __tsan_read_range(void* p, unsigned long n) { coc_access(p, n, COC_READ, COC_PC); }
COC_API void __tsan_write_range(void* p, unsigned long n) { coc_access(p, n, COC_WRITE, COC_PC); }
COC_API void __tsan_vptr_update(void**, void*) {}
COC_API void __tsan_vptr_read(void**) {}
COC_API void __tsan_init() {}
COC_API void __tsan_func_entry(void*) {}
COC_API void __tsan_func_exit() {}

// ---------------------------------------------------------------- -fsanitize=bounds,alignment,...: when it happens
namespace coc {

struct SourceLocation {
    const char* file;
    uint32_t line, column;
};

// Files of the kernel have relative names. In a header of NVIDIA's the return address leads to the kernel's line.
static void report_undefined(int kind, const char* message, const SourceLocation* at, uintptr_t pc) {
    const bool in_header = at->file[0] == '/';
    report(kind, message, in_header ? 0 : (int)at->line, in_header ? pc : 0);
}

}  // namespace coc

COC_API void __ubsan_handle_out_of_bounds(coc::SourceLocation* at, unsigned long index) {
    char text[160];
    snprintf(text, sizeof text, "array index %ld out of bounds", (long)index);
    coc::report_undefined(coc::BOUNDS, text, at, COC_PC);
    coc::abort_launch();
}
COC_API void __ubsan_handle_type_mismatch_v1(coc::SourceLocation* at, unsigned long address) {
    char text[160];
    snprintf(text, sizeof text, "misaligned vector access (address ends in 0x%x)", (unsigned)(address & 15));
    coc::report_undefined(coc::ALIGN, text, at, COC_PC);
    coc::abort_launch();
}
COC_API void __ubsan_handle_divrem_overflow(coc::SourceLocation* at, unsigned long, unsigned long) {
    coc::report_undefined(coc::BOUNDS, "integer division by zero or overflow", at, COC_PC);
    coc::abort_launch();
}
// Every GPU computes something here, but in C++ it is undefined: a compiler may assume that it does not happen.
#define COC_OVERFLOW(name, message)                                                                  \
    COC_API void __ubsan_handle_##name(coc::SourceLocation* at, unsigned long, unsigned long) {      \
        coc::report_undefined(coc::BOUNDS, message, at, COC_PC);                                     \
    }
COC_OVERFLOW(shift_out_of_bounds, "shift of a negative value, or by too many bits")
COC_OVERFLOW(add_overflow, "signed integer overflow (+)")
COC_OVERFLOW(sub_overflow, "signed integer overflow (-)")
COC_OVERFLOW(mul_overflow, "signed integer overflow (*)")
COC_OVERFLOW(negate_overflow, "signed integer overflow (negation)")
