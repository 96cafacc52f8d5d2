// Switching between stacks.
#pragma once

#include <cstddef>
#include <cstdint>

#if !defined(__x86_64__)
#include <ucontext.h>
#endif

namespace coc {

#if defined(__x86_64__)

struct Context {
    void* stack_pointer;
};

// Saves the registers that a call must preserve on the old stack and takes them from the new one: about ten times
// faster than swapcontext(), which makes a system call for the signal mask. Rounding and denormal modes (MXCSR) are
// those of the launch and stay.
extern "C" __attribute__((visibility("hidden"))) void coc_swap(void** save_stack_pointer, void* load_stack_pointer);
asm(R"(
.text
.p2align 4
.globl coc_swap
.hidden coc_swap
.type coc_swap,@function
coc_swap:
    pushq %rbp
    pushq %rbx
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    movq %rsp,(%rdi)
    movq %rsi,%rsp
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %rbx
    popq %rbp
    ret
.size coc_swap,.-coc_swap
)");

static void switch_context(Context& from, Context& to) { coc_swap(&from.stack_pointer, to.stack_pointer); }

// The first switch to the context calls entry(), which must not return.
static void make_context(Context& context, char* stack, size_t bytes, void (*entry)()) {
    void** top = (void**)((uintptr_t)(stack + bytes) & ~(uintptr_t)15);
    *--top = nullptr;  // in place of a return address, so that the stack is aligned as after a call
    *--top = (void*)entry;
    for (int i = 0; i < 6; i++) *--top = nullptr;  // the registers
    context.stack_pointer = top;
}

#else

struct Context {
    ucontext_t registers;
};

static void switch_context(Context& from, Context& to) { swapcontext(&from.registers, &to.registers); }

static void make_context(Context& context, char* stack, size_t bytes, void (*entry)()) {
    getcontext(&context.registers);
    context.registers.uc_stack.ss_sp = stack;
    context.registers.uc_stack.ss_size = bytes;
    context.registers.uc_link = nullptr;
    makecontext(&context.registers, entry, 0);
}

#endif

}  // namespace coc
