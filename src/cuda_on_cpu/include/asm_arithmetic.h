// Arithmetic as instructions of PTX define it: half types, rounding, saturation, conversions and bits.
#pragma once
namespace coc_asm {
// ---------------------------------------------------------------- half types
template <class T>
constexpr bool is_half = std::is_same<T, __half>::value || std::is_same<T, __nv_bfloat16>::value;
template <class T>
constexpr bool is_pair = std::is_same<T, __half2>::value || std::is_same<T, __nv_bfloat162>::value;

static inline float wide(__half x) { return __half2float(x); }
static inline float wide(__nv_bfloat16 x) { return __bfloat162float(x); }
template <class T>
static inline T wide(T x) {
    static_assert(std::is_arithmetic<T>::value, "a number");
    return x;
}
// Rounds once, to nearest even.
template <class D, class S>
static inline D convert(S x) {
    if constexpr (is_half<S>) {
        return convert<D>(wide(x));
    } else if constexpr (std::is_same<D, __half>::value) {
        if constexpr (std::is_same<S, float>::value) return __float2half_rn(x);
        else return __double2half((double)x);
    } else if constexpr (std::is_same<D, __nv_bfloat16>::value) {
        if constexpr (std::is_same<S, float>::value) return __float2bfloat16_rn(x);
        else return __double2bfloat16((double)x);
    } else {
        return (D)x;
    }
}

// f of numbers of one type.  Half types compute in float, whose digits suffice that a second rounding changes nothing
// for one operation.
template <class F, class T, class... Ts>
static inline T each(F f, T x, Ts... others) {
    if constexpr (is_pair<T>) {
        const auto low = each(f, x.x, others.x...), high = each(f, x.y, others.y...);
        T both;
        both.x = low, both.y = high;
        return both;
    } else if constexpr (is_half<T>) {
        return convert<T>(f(wide(x), wide(others)...));
    } else {
        return (T)f(x, others...);
    }
}
template <class F, class T>
static inline bool compare(F f, T a, T b) {
    return f(wide(a), wide(b));
}
template <class H>
static inline uint32_t pair(float low, float high) {
    return (uint32_t)bits<uint16_t>(convert<H>(high)) << 16 | bits<uint16_t>(convert<H>(low));
}

// ---------------------------------------------------------------- arithmetic
// A value that the compiler cannot fuse with the next operation.
template <class T>
static inline T rounded(T x) {
    __asm__("" : "+m"(x));
    return x;
}
template <class T>
static inline T saturate(T x) {
    return each([](auto a) { return a > 0 ? (a < 1 ? a : (decltype(a))1) : (decltype(a))0; }, x);  // NaN gives 0
}

// a b + c, rounded once.
template <class H>
static inline H fma16(H a, H b, H c) {
    if constexpr (is_pair<H>) {
        H both;
        both.x = fma16(a.x, b.x, c.x), both.y = fma16(a.y, b.y, c.y);
        return both;
    } else {
        // The product is exact in double.  Where the sum is not, it is given an odd last bit, so that the rounding
        // to 16 bits sees that it lies between two numbers (Boldo and Melquiond, 2008).
        const double product = (double)wide(a) * wide(b), added = wide(c), sum = product + added;
        const double of_added = sum - product, lost = (product - (sum - of_added)) + (added - of_added);
        auto odd = bits<uint64_t>(sum);
        if (lost == lost && lost != 0 && odd % 2 == 0) odd += (lost > 0) == (sum > 0) ? 1 : -1;
        return convert<H>(bits<double>(odd));
    }
}
template <class T>
static inline T fused(T a, T b, T c) {
    if constexpr (std::is_floating_point<T>::value) return std::fma(a, b, c);
    else return fma16(a, b, c);
}
template <class T>
static inline T absolute(T x) {
    if constexpr (std::is_floating_point<T>::value) return std::fabs(x);
    else return x < 0 ? (T)(0 - (std::make_unsigned_t<T>)x) : x;
}

// The smaller and the larger number; NaN only where both are.  -0 is smaller than 0.
template <class T>
static inline T smaller(T a, T b) {
    if constexpr (std::is_floating_point<T>::value) return a < b || b != b || (a == b && std::signbit(a)) ? a : b;
    else return a < b ? a : b;
}
template <class T>
static inline T larger(T a, T b) {
    if constexpr (std::is_floating_point<T>::value) return a > b || b != b || (a == b && !std::signbit(a)) ? a : b;
    else return a > b ? a : b;
}
template <class T>
static inline T smaller_or_nan(T a, T b) {
    return a != a ? a : b != b ? b : smaller(a, b);
}
template <class T>
static inline T larger_or_nan(T a, T b) {
    return a != a ? a : b != b ? b : larger(a, b);
}

// The lower half of the product of two integers, its upper half, and all of it.
template <class T>
static inline T lo(T a, T b) {
    return (T)((uint64_t)a * (uint64_t)b);
}
template <class T>
static inline T hi(T a, T b) {
    using Wide = std::conditional_t<std::is_signed<T>::value, __int128, unsigned __int128>;
    return (T)((Wide)a * (Wide)b >> (8 * sizeof(T)));
}
template <class T>
static inline auto wide_product(T a, T b) {
    using Wide = std::conditional_t<std::is_signed<T>::value, int64_t, uint64_t>;
    return (Wide)a * (Wide)b;
}

// ---------------------------------------------------------------- conversions
template <class D, class S>
static inline D low_bits(S x) {
    return (D)x;
}
// What lies outside becomes the nearest integer that there is, NaN becomes 0.
template <class D, class S>
static inline D clamped_integer_of_float(S x) {
    using Limits = std::numeric_limits<D>;
    const double v = (double)wide(x);
    if (v != v) return 0;
    return v <= (double)Limits::min() ? Limits::min() : v >= (double)Limits::max() ? Limits::max() : (D)v;
}
template <class D, class S>
static inline D clamped_integer(S x) {
    const __int128 v = x, least = std::numeric_limits<D>::min(), most = std::numeric_limits<D>::max();
    return (D)(v < least ? least : v > most ? most : v);
}
// To 10 bits of mantissa, ties away from zero; infinities and NaN stay.
static inline uint32_t nearest_tf32(float x) {
    const uint32_t u = bits<uint32_t>(x);
    return (u & 0x7F800000u) == 0x7F800000u ? u : (u + 0x1000u) & 0xFFFFE000u;
}

// ---------------------------------------------------------------- bits
template <class T>
static inline T shift_left(T a, uint32_t n) {
    return n >= sizeof(T) * 8 ? 0 : (T)(a << n);
}
template <class T>
static inline T shift_right(T a, uint32_t n) {
    if (n < sizeof(T) * 8) return (T)(a >> n);
    return std::is_signed<T>::value && a < 0 ? (T)-1 : (T)0;
}
static inline uint32_t wrap(uint32_t n) { return n & 31; }
static inline uint32_t clamp(uint32_t n) { return n < 32 ? n : 32; }
static inline uint32_t funnel_l(uint32_t low, uint32_t high, uint32_t n) {
    return (uint32_t)((((uint64_t)high << 32 | low) << n) >> 32);
}
static inline uint32_t funnel_r(uint32_t low, uint32_t high, uint32_t n) {
    return (uint32_t)(((uint64_t)high << 32 | low) >> n);
}
static inline uint32_t count_ones(uint64_t a) { return __builtin_popcountll(a); }
template <class T>
static inline uint32_t count_leading_zeros(T a) {
    return a ? __builtin_clzll(a) - (64 - 8 * sizeof(T)) : 8 * sizeof(T);
}
static inline uint32_t reversed(uint32_t a) {
    uint32_t r = 0;
    for (int i = 0; i < 32; i++) r |= (a >> i & 1) << (31 - i);
    return r;
}
// Bit i of the table is the result for the bits abc = i of the operands.
static inline uint32_t lop3(uint32_t a, uint32_t b, uint32_t c, uint32_t table) {
    uint32_t r = 0;
    for (int i = 0; i < 8; i++)
        if (table >> i & 1) r |= (i & 4 ? a : ~a) & (i & 2 ? b : ~b) & (i & 1 ? c : ~c);
    return r;
}
// Four of the eight bytes of b:a, chosen by the four lowest hex digits of the selector; 8 and up repeat the sign bit.
static inline uint32_t prmt(uint32_t a, uint32_t b, uint32_t selector) {
    uint32_t r = 0;
    for (int i = 0; i < 4; i++) {
        const uint32_t s = selector >> (4 * i) & 15;
        uint32_t byte = (uint32_t)(((uint64_t)b << 32 | a) >> ((s & 7) * 8)) & 0xFF;
        if (s & 8) byte = byte & 0x80 ? 0xFF : 0;
        r |= byte << (8 * i);
    }
    return r;
}
}  // namespace coc_asm
