// Functions of bits and integers, and conversions between numbers.
#pragma once

namespace coc {

template <class D, class S>
static inline D bits(S s) {
    static_assert(sizeof(D) == sizeof(S), "");
    D d;
    __builtin_memcpy(&d, &s, sizeof d);
    return d;
}

// As a GPU converts: what does not fit becomes the nearest number that does, NaN becomes 0. `x` is a whole number.
template <class D>
static inline D whole(double x) {
    const double low = (double)std::numeric_limits<D>::min(), high = (double)std::numeric_limits<D>::max();
    if (x != x) return 0;
    return x <= low ? std::numeric_limits<D>::min() : x >= high ? std::numeric_limits<D>::max() : (D)x;
}

}  // namespace coc

static inline int __float_as_int(float x) { return coc::bits<int>(x); }
static inline unsigned __float_as_uint(float x) { return coc::bits<unsigned>(x); }
static inline float __int_as_float(int x) { return coc::bits<float>(x); }
static inline float __uint_as_float(unsigned x) { return coc::bits<float>(x); }
static inline long long __double_as_longlong(double x) { return coc::bits<long long>(x); }
static inline double __longlong_as_double(long long x) { return coc::bits<double>(x); }
static inline int __double2hiint(double x) { return (int)(coc::bits<uint64_t>(x) >> 32); }
static inline int __double2loint(double x) { return (int)coc::bits<uint64_t>(x); }
static inline double __hiloint2double(int high, int low) {
    return coc::bits<double>((uint64_t)(unsigned)high << 32 | (unsigned)low);
}

// ---------------------------------------------------------------- conversions; rn, rz, rd, ru: to nearest, 0, -oo, oo
#define COC_TO_WHOLE(source, S, target, D)                                                             \
    static inline D __##source##2##target##_rn(S x) { return coc::whole<D>(nearbyint((double)x)); }   \
    static inline D __##source##2##target##_rz(S x) { return coc::whole<D>(trunc((double)x)); }       \
    static inline D __##source##2##target##_rd(S x) { return coc::whole<D>(floor((double)x)); }       \
    static inline D __##source##2##target##_ru(S x) { return coc::whole<D>(ceil((double)x)); }
COC_TO_WHOLE(float, float, int, int)
COC_TO_WHOLE(float, float, uint, unsigned)
COC_TO_WHOLE(float, float, ll, long long)
COC_TO_WHOLE(float, float, ull, unsigned long long)
COC_TO_WHOLE(double, double, int, int)
COC_TO_WHOLE(double, double, uint, unsigned)
COC_TO_WHOLE(double, double, ll, long long)
COC_TO_WHOLE(double, double, ull, unsigned long long)
#undef COC_TO_WHOLE
static inline float __int2float_rn(int x) { return (float)x; }
static inline float __uint2float_rn(unsigned x) { return (float)x; }
static inline float __ll2float_rn(long long x) { return (float)x; }
static inline float __ull2float_rn(unsigned long long x) { return (float)x; }
static inline double __int2double_rn(int x) { return x; }
static inline double __uint2double_rn(unsigned x) { return x; }
static inline double __ll2double_rn(long long x) { return (double)x; }
static inline double __ull2double_rn(unsigned long long x) { return (double)x; }
static inline float __double2float_rn(double x) { return (float)x; }

// ---------------------------------------------------------------- bits
static inline int __popc(unsigned x) { return __builtin_popcount(x); }
static inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
static inline int __clz(int x) { return x ? __builtin_clz(x) : 32; }
static inline int __clzll(long long x) { return x ? __builtin_clzll(x) : 64; }
static inline int __ffs(int x) { return __builtin_ffs(x); }
static inline int __ffsll(long long x) { return __builtin_ffsll(x); }
static inline unsigned __brev(unsigned x) {
    unsigned reversed = 0;
    for (int i = 0; i < 32; i++) reversed |= (x >> i & 1) << (31 - i);
    return reversed;
}
static inline unsigned long long __brevll(unsigned long long x) {
    return (unsigned long long)__brev((unsigned)x) << 32 | __brev((unsigned)(x >> 32));
}
static inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned n) {
    return (unsigned)((((uint64_t)high << 32 | low) << (n & 31)) >> 32);
}
static inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned n) {
    return (unsigned)(((uint64_t)high << 32 | low) >> (n & 31));
}
static inline unsigned __byte_perm(unsigned x, unsigned y, unsigned selector) {
    const uint64_t bytes = (uint64_t)y << 32 | x;
    unsigned result = 0;
    for (int i = 0; i < 4; i++) result |= (unsigned)(bytes >> ((selector >> (4 * i) & 7) * 8) & 0xFF) << (8 * i);
    return result;
}

// ---------------------------------------------------------------- products
static inline unsigned __umulhi(unsigned a, unsigned b) { return (unsigned)(((uint64_t)a * b) >> 32); }
static inline int __mulhi(int a, int b) { return (int)(((int64_t)a * b) >> 32); }
static inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
    return (unsigned long long)(((unsigned __int128)a * b) >> 64);
}
static inline long long __mul64hi(long long a, long long b) { return (long long)(((__int128)a * b) >> 64); }
static inline int __dp4a(int a, int b, int c) {
    for (int i = 0; i < 4; i++) c += (int)(int8_t)(a >> 8 * i) * (int8_t)(b >> 8 * i);
    return c;
}
