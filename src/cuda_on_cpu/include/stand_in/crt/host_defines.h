// Stand-in for NVIDIA's crt/host_defines.h, which the PyPI packages of CUDA 12 lack: the words that vector_types.h,
// cuda_fp16.h and cuda_bf16.h put before their types and functions, for a compiler of the host.
#pragma once

#define __host__
#define __device__
#define __global__
#define __shared__
#define __constant__
#define __managed__
#define __forceinline__ inline
#define __noinline__ __attribute__((noinline))
#define __device_builtin__
#define __cudart_builtin__
#define __device_builtin_texture_type__
#define __device_builtin_surface_type__
#define __builtin_align__(n) __attribute__((aligned(n)))
#define __align__(n) __attribute__((aligned(n)))
#define __launch_bounds__(...)
#define __grid_constant__
#define __specialization_static
#define CUDARTAPI
