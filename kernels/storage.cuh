// How elements lie in memory and what computes them: half types are storage only, and every sum is one of float.
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// The type of arithmetic and of saved statistics: double for double, float for everything else.
template <class T> struct arithmetic_of { using type = float; };
template <> struct arithmetic_of<double> { using type = double; };
template <class T> using accumulator = typename arithmetic_of<T>::type;

// From memory to arithmetic, exactly.
__device__ __forceinline__ float widened(float x) { return x; }
__device__ __forceinline__ double widened(double x) { return x; }
__device__ __forceinline__ float widened(__half x) { return __half2float(x); }
__device__ __forceinline__ float widened(__nv_bfloat16 x) { return __bfloat162float(x); }

// From arithmetic to memory, rounded to the nearest once.
template <class T> __device__ __forceinline__ T stored(accumulator<T> x) { return x; }
template <> __device__ __forceinline__ __half stored<__half>(float x) { return __float2half_rn(x); }
template <> __device__ __forceinline__ __nv_bfloat16 stored<__nv_bfloat16>(float x) { return __float2bfloat16_rn(x); }

// N neighbouring elements that move together, by one instruction where they are no more than 16 bytes.
template <class T, int N> struct __align__(sizeof(T) * N) Vector { T at[N]; };

// Whether they can where they begin at x.
template <int N, class T> __device__ __forceinline__ bool is_aligned(const T* x) {
    return reinterpret_cast<unsigned long long>(x) % sizeof(Vector<T, N>) == 0;
}

// The vector that begins at x, or `number` vectors later.  Not at x + number * N: stores to addresses that are counted in
// elements are split by the compiler (NVRTC 12.9) into single ones where loops are nested.
template <int N, class T> __device__ __forceinline__ Vector<T, N> load(const T* x, long long number = 0) {
    return reinterpret_cast<const Vector<T, N>*>(x)[number];
}

template <int N, class T> __device__ __forceinline__ void store(T* x, const Vector<T, N>& elements) {
    *reinterpret_cast<Vector<T, N>*>(x) = elements;
}

template <int N, class T> __device__ __forceinline__ void store(T* x, long long number, const Vector<T, N>& elements) {
    reinterpret_cast<Vector<T, N>*>(x)[number] = elements;
}
