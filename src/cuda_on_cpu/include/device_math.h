// Mathematical functions that a GPU has and the host's library does not. Approximations (__expf, rsqrtf and so on) are
// exact here, so tests need tolerances that allow the error of the hardware.
#pragma once

// Macros, because the host's library declares functions of some of these names.
#define __expf(x) expf(x)
#define __exp10f(x) exp10f(x)
#define __logf(x) logf(x)
#define __log2f(x) log2f(x)
#define __log10f(x) log10f(x)
#define __powf(x, y) powf(x, y)
#define __sinf(x) sinf(x)
#define __cosf(x) cosf(x)
#define __tanf(x) tanf(x)
#define __tanhf(x) tanhf(x)
#define __sincosf(x, s, c) sincosf(x, s, c)

static inline float rsqrtf(float x) { return (float)(1.0 / ::sqrt((double)x)); }
static inline double rsqrt(double x) { return 1.0 / ::sqrt(x); }
static inline float rsqrt(float x) { return rsqrtf(x); }
static inline float rcbrtf(float x) { return (float)(1.0 / ::cbrt((double)x)); }
static inline double rcbrt(double x) { return 1.0 / ::cbrt(x); }
static inline float __fdividef(float a, float b) { return a / b; }
static inline float fdividef(float a, float b) { return a / b; }
static inline float __saturatef(float x) { return x > 0 ? x < 1 ? x : 1.0f : 0.0f; }  // NaN becomes 0

namespace coc {

// sin(pi x + pi shift / 2), with the exact values at multiples of 1/2.
static inline double sine_of_half_turns(double x, int shift) {
    const double halves = nearbyint(2 * x), rest = (x - halves / 2) * M_PI;
    switch (((int)fmod(halves, 4) + 4 + shift) & 3) {
        case 0: return ::sin(rest);
        case 1: return ::cos(rest);
        case 2: return -::sin(rest);
        default: return -::cos(rest);
    }
}

}  // namespace coc

static inline double sinpi(double x) { return coc::sine_of_half_turns(x, 0); }
static inline double cospi(double x) { return coc::sine_of_half_turns(x, 1); }
static inline float sinpif(float x) { return (float)sinpi((double)x); }
static inline float cospif(float x) { return (float)cospi((double)x); }
static inline void sincospi(double x, double* s, double* c) { *s = sinpi(x), *c = cospi(x); }
static inline void sincospif(float x, float* s, float* c) { *s = sinpif(x), *c = cospif(x); }
static inline double normcdf(double x) { return 0.5 * ::erfc(-x * M_SQRT1_2); }
static inline float normcdff(float x) { return (float)normcdf((double)x); }

// ---------------------------------------------------------------- rounded at once, never fused with another operation
// The compiler may fuse a product and a sum in the source (as NVRTC does), but not through a volatile variable.
#define COC_ROUNDED(name, T, expression)                 \
    COC_NOSAN static inline T name(T a, T b) {           \
        volatile T result = expression;                  \
        return result;                                   \
    }
COC_ROUNDED(__fadd_rn, float, a + b)
COC_ROUNDED(__fsub_rn, float, a - b)
COC_ROUNDED(__fmul_rn, float, a* b)
COC_ROUNDED(__fdiv_rn, float, a / b)
COC_ROUNDED(__dadd_rn, double, a + b)
COC_ROUNDED(__dsub_rn, double, a - b)
COC_ROUNDED(__dmul_rn, double, a* b)
COC_ROUNDED(__ddiv_rn, double, a / b)
#undef COC_ROUNDED
static inline float __fmaf_rn(float a, float b, float c) { return fmaf(a, b, c); }
static inline double __fma_rn(double a, double b, double c) { return fma(a, b, c); }
static inline float __fsqrt_rn(float a) { return sqrtf(a); }
static inline float __frsqrt_rn(float a) { return rsqrtf(a); }
static inline float __frcp_rn(float a) { return 1.0f / a; }
static inline double __dsqrt_rn(double a) { return ::sqrt(a); }
static inline double __drcp_rn(double a) { return 1.0 / a; }

// ---------------------------------------------------------------- min and max, of floating-point numbers as fmin, fmax
template <class A, class B>
using coc_number =
    std::enable_if_t<std::is_arithmetic<A>::value && std::is_arithmetic<B>::value, std::common_type_t<A, B>>;

template <class A, class B>
static inline coc_number<A, B> min(A a, B b) {
    using T = coc_number<A, B>;
    if constexpr (std::is_floating_point<T>::value) return std::fmin((T)a, (T)b);
    else return (T)b < (T)a ? (T)b : (T)a;
}
template <class A, class B>
static inline coc_number<A, B> max(A a, B b) {
    using T = coc_number<A, B>;
    if constexpr (std::is_floating_point<T>::value) return std::fmax((T)a, (T)b);
    else return (T)a < (T)b ? (T)b : (T)a;
}
