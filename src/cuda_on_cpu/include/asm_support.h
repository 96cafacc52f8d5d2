// What the C++ that replaces asm statements calls: registers as bits, memory by addresses, lanes of shuffles.
#pragma once
namespace coc_asm {
// The same bits as another type.
template <class D, class S>
static constexpr D bits(S s) {
    static_assert(sizeof(D) == sizeof(S), "the operand has another width than the instruction");
    D d;
    __builtin_memcpy((void*)&d, &s, sizeof d);
    return d;
}
template <int N>
using bits_t = std::conditional_t<N == 1, uint8_t,
                                  std::conditional_t<N == 2, uint16_t, std::conditional_t<N == 4, uint32_t, uint64_t>>>;

// What a register holds before anything is written to it: all bits set, which is NaN as a float.
template <class T>
static inline T poison() {
    return bits<T>((bits_t<sizeof(T)>)~0ull);
}
template <>
inline bool poison<bool>() {
    return true;
}

// ---------------------------------------------------------------- registers of any type, read and written as T
// Reads the same bits, or the low part of a wider integer.
template <class T, class S>
static constexpr T read(const S& s) {
    static_assert(std::is_same<T, bool>::value == std::is_same<S, bool>::value, "a predicate is no number");
    if constexpr (std::is_same<T, S>::value) {
        return s;
    } else if constexpr (sizeof(T) == sizeof(S)) {
        return bits<T>(s);
    } else if constexpr (std::is_integral<T>::value && std::is_integral<S>::value) {
        return (T)s;
    } else {
        static_assert(sizeof(T) < sizeof(S) && std::is_integral<S>::value,
                      "the operand has another width than the instruction");
        return bits<T>((bits_t<sizeof(T)>)s);
    }
}
// Inputs may be pointers, passed in the 64-bit registers of the constraint "l".
template <class T, class S>
static inline T read_input(const S& s) {
    if constexpr (std::is_pointer<S>::value) {
        static_assert(std::is_same<T, uint64_t>::value, "a pointer needs the constraint \"l\"");
        return (T)s;
    } else {
        return read<T>(s);
    }
}
// Writes the same bits, or extends an integer to a wider one by its own sign.
template <class T, class D, class V>
static inline void write(D& d, V value) {
    static_assert(std::is_same<T, bool>::value == std::is_same<D, bool>::value, "a predicate is no number");
    const T v = (T)value;
    if constexpr (std::is_same<T, D>::value) {
        d = v;
    } else if constexpr (sizeof(T) == sizeof(D)) {
        __builtin_memcpy((void*)&d, (const void*)&v, sizeof v);
    } else if constexpr (std::is_integral<T>::value && std::is_integral<D>::value) {
        d = (D)v;
    } else {
        static_assert(sizeof(D) > sizeof(T) && std::is_integral<D>::value,
                      "the operand has another width than the instruction");
        d = (D)bits<bits_t<sizeof(T)>>(v);
    }
}

// ---------------------------------------------------------------- special registers
static inline uint32_t warp() {
    const coc_dim &thread = coc_now.thread, &block = coc_now.block_dim;
    return (thread.x + block.x * (thread.y + block.y * thread.z)) / 32;
}
static inline uint32_t warps() { return (coc_now.block_dim.x * coc_now.block_dim.y * coc_now.block_dim.z + 31) / 32; }

// ---------------------------------------------------------------- memory
static inline char* generic_pointer(uint64_t address) { return (char*)address; }
static inline char* shared_pointer(uint64_t address) { return coc_from_shared((uint32_t)address); }

static COC_NOSAN inline void check(const char* place, int bytes, int access, int line) {
#ifdef COC_CHECK
    if ((uintptr_t)place % bytes) coc_misaligned(place, bytes, line);
    coc_access(place, bytes, access, (uintptr_t)line);
#endif
}
// Not instrumented: `check` has told of the access already, of an atomic one as such.
template <class T>
static COC_NOSAN inline T load(const char* place) {
    T v;
    __builtin_memcpy((void*)&v, place, sizeof v);
    return v;
}
template <class T>
static COC_NOSAN inline void store(char* place, T v) {
    __builtin_memcpy(place, (const void*)&v, sizeof v);
}
template <class... Sizes>
static constexpr bool is_one_of(long long size, Sizes... sizes) {
    return ((size == sizes) || ...);
}

// ---------------------------------------------------------------- shfl.sync
// The lane that a lane reads from: itself where the other is outside of its segment.  The operand c of the instruction
// holds the last lane of a segment (the first for `up`) in its bits 0 to 4 and a mask of segments in bits 8 to 12.
static inline int source_in_segment(int lane, bool inside_segment, bool& inside) {
    inside = inside_segment;
    return inside ? lane : (int)coc_now.lane;
}
static inline int segment_bound(uint32_t c) {
    const int mask = c >> 8 & 31;
    return ((int)coc_now.lane & mask) | ((int)(c & 31) & ~mask);
}
static inline int source_up(uint32_t b, uint32_t c, bool& inside) {
    const int lane = (int)coc_now.lane - (int)(b & 31);
    return source_in_segment(lane, lane >= segment_bound(c), inside);
}
static inline int source_down(uint32_t b, uint32_t c, bool& inside) {
    const int lane = (int)coc_now.lane + (int)(b & 31);
    return source_in_segment(lane, lane <= segment_bound(c), inside);
}
static inline int source_bfly(uint32_t b, uint32_t c, bool& inside) {
    const int lane = (int)coc_now.lane ^ (int)(b & 31);
    return source_in_segment(lane, lane <= segment_bound(c), inside);
}
static inline int source_idx(uint32_t b, uint32_t c, bool& inside) {
    const int mask = c >> 8 & 31, lane = ((int)coc_now.lane & mask) | ((int)(b & 31) & ~mask);
    return source_in_segment(lane, lane <= segment_bound(c), inside);
}
}  // namespace coc_asm

#include "asm_arithmetic.h"
