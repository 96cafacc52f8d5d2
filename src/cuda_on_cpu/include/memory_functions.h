// Loads and stores with hints for the caches, which mean nothing here, and copies.
#pragma once

namespace coc {

// Checks an access that a function of ours is about to make for the kernel at `line`.
template <class T>
COC_NOSAN static inline void touch(const T* p, int flags, int line) {
#ifdef COC_CHECK
    if ((uintptr_t)p % alignof(T)) coc_misaligned(p, sizeof(T), line);
    coc_access(p, sizeof(T), flags, (uintptr_t)line);
#endif
}

}  // namespace coc

#define COC_LOAD(name, flags)                               \
    template <class T>                                      \
    COC_NOSAN static inline T name(const T* p, COC_LINE) {  \
        coc::touch(p, flags, line);                         \
        return *p;                                          \
    }
#define COC_STORE(name)                                                             \
    template <class T>                                                              \
    COC_NOSAN static inline void name(T* p, std::common_type_t<T> v, COC_LINE) {    \
        coc::touch(p, COC_WRITE, line);                                             \
        *p = v;                                                                     \
    }
COC_LOAD(__ldg, COC_READ | COC_NONCOHERENT)  // through a cache that does not see writes of the same launch
COC_LOAD(__ldca, COC_READ)
COC_LOAD(__ldcg, COC_READ)
COC_LOAD(__ldcs, COC_READ)
COC_LOAD(__ldcv, COC_READ)
COC_LOAD(__ldlu, COC_READ)
COC_STORE(__stcg)
COC_STORE(__stcs)
COC_STORE(__stwb)
COC_STORE(__stwt)
#undef COC_LOAD
#undef COC_STORE

static inline size_t __cvta_generic_to_shared(const void* p) { return (size_t)coc_to_shared(p); }
static inline void* __cvta_shared_to_generic(size_t address) { return coc_from_shared((uint32_t)address); }

// The compiler does not instrument calls of these.
#ifdef COC_CHECK
COC_NOSAN static inline void* coc_memcpy(void* to, const void* from, size_t n, COC_LINE) {
    if (n) coc_access(from, n, COC_READ, (uintptr_t)line), coc_access(to, n, COC_WRITE, (uintptr_t)line);
    return __builtin_memcpy(to, from, n);
}
COC_NOSAN static inline void* coc_memmove(void* to, const void* from, size_t n, COC_LINE) {
    if (n) coc_access(from, n, COC_READ, (uintptr_t)line), coc_access(to, n, COC_WRITE, (uintptr_t)line);
    return __builtin_memmove(to, from, n);
}
COC_NOSAN static inline void* coc_memset(void* to, int value, size_t n, COC_LINE) {
    if (n) coc_access(to, n, COC_WRITE, (uintptr_t)line);
    return __builtin_memset(to, value, n);
}
namespace std {
using ::coc_memcpy;
using ::coc_memmove;
using ::coc_memset;
}  // namespace std
#define memcpy coc_memcpy
#define memmove coc_memmove
#define memset coc_memset
#endif
