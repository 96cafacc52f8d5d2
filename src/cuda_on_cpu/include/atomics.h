// Atomic functions: plain code, because one thread runs at a time. They only count as atomic for the rule of races.
#pragma once

namespace coc {

template <class T, class F>
COC_NOSAN static inline T atomic(T* p, int scope, int line, F f) {
    touch(p, COC_WRITE | COC_ATOMIC | scope, line);
    const T old = *p;
    *p = f(old);
    return old;
}

}  // namespace coc

// The types of CUDA are int, unsigned and unsigned long long for all, float, double and half types for the addition,
// float for the exchange.
#define COC_ATOMIC(name, scope, expression)                                                   \
    template <class T>                                                                        \
    COC_NOSAN static inline T name(T* p, std::common_type_t<T> v, COC_LINE) {                 \
        return coc::atomic(p, scope, line, [&](T old) COC_NOSAN -> T { return expression; }); \
    }
#define COC_ATOMIC_SCOPES(name, expression)              \
    COC_ATOMIC(name, 0, expression)                      \
    COC_ATOMIC(name##_block, COC_BLOCK_SCOPE, expression) \
    COC_ATOMIC(name##_system, 0, expression)
COC_ATOMIC_SCOPES(atomicAdd, (T)(old + v))
COC_ATOMIC_SCOPES(atomicSub, (T)(old - v))
COC_ATOMIC_SCOPES(atomicExch, v)
COC_ATOMIC_SCOPES(atomicMin, old < v ? old : v)
COC_ATOMIC_SCOPES(atomicMax, old > v ? old : v)
COC_ATOMIC_SCOPES(atomicAnd, old & v)
COC_ATOMIC_SCOPES(atomicOr, old | v)
COC_ATOMIC_SCOPES(atomicXor, old ^ v)
COC_ATOMIC_SCOPES(atomicInc, old >= v ? 0 : old + 1)
COC_ATOMIC_SCOPES(atomicDec, old == 0 || old > v ? v : old - 1)
#undef COC_ATOMIC_SCOPES
#undef COC_ATOMIC

#define COC_CAS(name, scope)                                                                                            \
    template <class T>                                                                                                  \
    COC_NOSAN static inline T name(T* p, std::common_type_t<T> expected, std::common_type_t<T> v, COC_LINE) {           \
        return coc::atomic(p, scope, line, [&](T old) COC_NOSAN -> T { return old == expected ? v : old; });            \
    }
COC_CAS(atomicCAS, 0)
COC_CAS(atomicCAS_block, COC_BLOCK_SCOPE)
COC_CAS(atomicCAS_system, 0)
#undef COC_CAS
