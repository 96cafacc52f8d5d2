// What compiled kernel source and the headers around it call in the runtime. "coc" stands for "CUDA on CPU".
//
// A place in the source is an int: the line plus 1,000,000 times the number of the file, as __LINE__ has it there.
#pragma once

#include <cstddef>
#include <cstdint>

// For functions of our own that check by themselves, or touch only what the kernel cannot reach.
#define COC_NOSAN __attribute__((no_sanitize("thread,undefined")))
#define COC_API extern "C" __attribute__((visibility("hidden")))
#define COC_EXPORT extern "C" __attribute__((visibility("default")))

struct coc_dim {
    unsigned x, y, z;
};

// Who runs now: threadIdx and the like read it. The scheduler rewrites it at every switch.
struct coc_current {
    coc_dim thread, block, block_dim, grid_dim;
    unsigned lane;
};
extern "C" __attribute__((visibility("hidden"))) coc_current coc_now;

// Barrier of the whole block; barriers that meet must have the same id and line.
// out (may be null): number of threads with a true predicate | any << 16 | all << 17.
COC_API void coc_barrier(int id, int line, int predicate, int* out);

// Operation of the lanes in `mask`. Each lane leaves a pointer to its operands, which may lie on its own, suspended
// stack; when the last one has arrived, fn runs once over the 32 frames (null for lanes that take no part) and wakes
// them all. Operations that meet must be of one kind.
typedef void (*coc_collective_fn)(void** frames, unsigned active, void* user);
enum { COC_SHUFFLE = 1, COC_VOTE = 2, COC_SYNCWARP = 3, COC_MMA = 10, COC_LDMATRIX = 20 };
COC_API void coc_collective(unsigned mask, int kind, int line, void* frame, coc_collective_fn fn, void* user);
COC_API unsigned coc_activemask();
COC_API void coc_yield();

// Report a failure and leave the kernel.
COC_API void coc_fail(const char* message, int line);
COC_API void coc_misaligned(const void* p, int bytes, int line);

// A memory access, to be checked before it happens. pc: a return address, or a line. An atomic operation of block scope
// is one for the threads of its block only.
enum { COC_READ = 0, COC_WRITE = 1, COC_ATOMIC = 2, COC_BLOCK_SCOPE = 4, COC_NONCOHERENT = 8 };
COC_API void coc_access(const void* p, size_t bytes, int flags, uintptr_t pc);

// cp.async: copies src_bytes bytes and fills up with zeros to `bytes`, at the time of the wait. coc_cp_wait completes
// all but the latest `keep` groups.
COC_API void coc_cp_async(void* dst, const void* src, int bytes, int src_bytes, int line);
COC_API void coc_cp_commit();
COC_API void coc_cp_wait(int keep);

COC_API char* coc_dynamic_shared();
COC_API unsigned coc_dynamic_shared_size();

// Addresses in shared memory as __cvta_generic_to_shared gives them, which fit 32 bits: offsets into static shared
// memory, and into dynamic shared memory from COC_DYNAMIC_BASE on.
#define COC_DYNAMIC_BASE 0x01000000u
COC_API uint64_t coc_to_shared(const void* p);
COC_API char* coc_from_shared(uint32_t address);
