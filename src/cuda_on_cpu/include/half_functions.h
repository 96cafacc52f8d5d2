// Functions of half and bfloat16 numbers that NVIDIA's headers have for the device alone.
#pragma once

namespace coc {

// In double products are exact; the sum may round twice, which differs from one rounding only for ties that the last
// bit of double decides.
static inline __half fused(__half a, __half b, __half c) {
    return __double2half((double)__half2float(a) * __half2float(b) + __half2float(c));
}
static inline __nv_bfloat16 fused(__nv_bfloat16 a, __nv_bfloat16 b, __nv_bfloat16 c) {
    return __double2bfloat16((double)__bfloat162float(a) * __bfloat162float(b) + __bfloat162float(c));
}
static inline __half2 fused(__half2 a, __half2 b, __half2 c) {
    return __halves2half2(fused(a.x, b.x, c.x), fused(a.y, b.y, c.y));
}
static inline __nv_bfloat162 fused(__nv_bfloat162 a, __nv_bfloat162 b, __nv_bfloat162 c) {
    return __halves2bfloat162(fused(a.x, b.x, c.x), fused(a.y, b.y, c.y));
}

}  // namespace coc

template <class T>
static inline T __hfma(T a, T b, T c) {
    return coc::fused(a, b, c);
}
template <class T>
static inline T __hfma2(T a, T b, T c) {
    return coc::fused(a, b, c);
}

// ---------------------------------------------------------------- functions of one argument, computed in float
#define COC_HALF_FUNCTION(name, expression)                                                                    \
    static inline __half h##name(__half h) {                                                                   \
        const float x = __half2float(h);                                                                       \
        return __float2half_rn(expression);                                                                    \
    }                                                                                                          \
    static inline __nv_bfloat16 h##name(__nv_bfloat16 h) {                                                     \
        const float x = __bfloat162float(h);                                                                   \
        return __float2bfloat16_rn(expression);                                                                \
    }                                                                                                          \
    static inline __half2 h2##name(__half2 h) { return __halves2half2(h##name(h.x), h##name(h.y)); }           \
    static inline __nv_bfloat162 h2##name(__nv_bfloat162 h) { return __halves2bfloat162(h##name(h.x), h##name(h.y)); }
COC_HALF_FUNCTION(exp, expf(x))
COC_HALF_FUNCTION(exp2, exp2f(x))
COC_HALF_FUNCTION(exp10, exp10f(x))
COC_HALF_FUNCTION(log, logf(x))
COC_HALF_FUNCTION(log2, log2f(x))
COC_HALF_FUNCTION(log10, log10f(x))
COC_HALF_FUNCTION(sin, sinf(x))
COC_HALF_FUNCTION(cos, cosf(x))
COC_HALF_FUNCTION(tanh, tanhf(x))
COC_HALF_FUNCTION(sqrt, sqrtf(x))
COC_HALF_FUNCTION(rsqrt, rsqrtf(x))
COC_HALF_FUNCTION(rcp, 1.0f / x)
COC_HALF_FUNCTION(floor, floorf(x))
COC_HALF_FUNCTION(ceil, ceilf(x))
COC_HALF_FUNCTION(trunc, truncf(x))
COC_HALF_FUNCTION(rint, rintf(x))
#undef COC_HALF_FUNCTION

// ---------------------------------------------------------------- conversions to integers
#define COC_HALF_TO_INT(rounding)                                                                          \
    static inline int __half2int_##rounding(__half h) { return __float2int_##rounding(__half2float(h)); }   \
    static inline int __bfloat162int_##rounding(__nv_bfloat16 h) {                                         \
        return __float2int_##rounding(__bfloat162float(h));                                                \
    }
COC_HALF_TO_INT(rn)
COC_HALF_TO_INT(rd)
COC_HALF_TO_INT(ru)
#undef COC_HALF_TO_INT
