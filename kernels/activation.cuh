// A function of one number that follows some arithmetic, here the identity, and its derivative.  For anything else a
// generated header takes the place of this file, with functions of the same names, of the type that computes.
#pragma once

// y = f(h).
template <class A> __device__ __forceinline__ A activation(A h) { return h; }

// f'(h).
template <class A> __device__ __forceinline__ A activation_slope(A) { return A(1); }
