// CUDA C++ for a host compiler: included before unmodified kernel source, which then runs on the CPU.
#pragma once

#include <math.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

// NVIDIA's own headers: the types, and host versions of conversions and arithmetic. They must see a compilation for
// the host, so __CUDA_ARCH__ is defined only afterwards, by build.py.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <vector_functions.h>
#include <vector_types.h>

#include "runtime.h"

#include "keywords.h"          // __global__, __shared__, threadIdx, assert
#include "barriers.h"          // __syncthreads, fences
#include "warps.h"             // shuffles, votes, reductions
#include "intrinsics.h"        // bits, conversions, integer arithmetic
#include "memory_functions.h"  // __ldg and its relatives, memcpy
#include "atomics.h"           // atomicAdd and its relatives
#include "device_math.h"       // functions that only a GPU has
#include "half_functions.h"    // functions of half types that NVIDIA's headers have for the device alone
#include "tensor_core.h"       // mma.sync, ldmatrix
#include "asm_support.h"       // what asm statements are rewritten to
#include "kernel_table.h"      // how Python finds kernels
