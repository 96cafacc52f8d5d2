// The instructions of tensor cores, and the copies to shared memory that no thread waits for.
// Needs: sm_80
#pragma once
#include <cuda_bf16.h>
#include <cuda_fp16.h>

// The address within shared memory, as instructions take it.
__device__ __forceinline__ unsigned shared_address(const void* at) {
    return static_cast<unsigned>(__cvta_generic_to_shared(at));
}

// Begin to copy 16 bytes from global to shared memory, past the first-level cache, into the second with their line of
// 128; both places are multiples of 16.  Of the source the first `bytes` are read, and zeros take the place of others.
__device__ __forceinline__ void begin_copy(void* to, const void* from, int bytes) {
    asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;"
                 :
                 : "r"(shared_address(to)), "l"(from), "r"(bytes)
                 : "memory");
}

// What this thread has begun to copy since the last call is a group; it may be empty.
__device__ __forceinline__ void end_group() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Wait until no more than the last `LEFT` groups of this thread are on their way.
template <int LEFT> __device__ __forceinline__ void wait_for_groups() {
    asm volatile("cp.async.wait_group %0;" : : "n"(LEFT) : "memory");
}

// Four matrices of 8 rows of 16 bytes.  Lane 8 m + i gives the address of row i of matrix m, and gets for each matrix
// the four bytes lane % 4 of row lane / 4.
__device__ __forceinline__ void load_matrices(unsigned (&of)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(of[0]), "=r"(of[1]), "=r"(of[2]), "=r"(of[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// Likewise of 8 x 8 halves, transposed: the lane gets the halves 2 (lane % 4) and the next of column lane / 4.
__device__ __forceinline__ void load_transposed(unsigned (&of)[4], const void* row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(of[0]), "=r"(of[1]), "=r"(of[2]), "=r"(of[3])
                 : "r"(shared_address(row))
                 : "memory");
}

// The nearest number that has the 10 bits of mantissa of tf32, ties away from zero.
__device__ __forceinline__ unsigned rounded_to_tf32(float x) {
    unsigned rounded;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(x));
    return rounded;
}

// sums += a b for a of 16 rows and b of 8 columns, 32 bytes of T deep; a float counts as tf32.  With i = lane / 4 and
// j = lane % 4, a lane has of a the j-th four bytes of rows i and i + 8, then of the same rows 16 bytes later; of b
// those of column i, then 16 bytes later; of the sums columns 2 j and 2 j + 1 of row i, then of row i + 8.
template <class T>
__device__ __forceinline__ void multiply(float (&sums)[4], const unsigned (&a)[4], unsigned b_near, unsigned b_far);

template <>
__device__ __forceinline__ void multiply<__half>(float (&sums)[4], const unsigned (&a)[4], unsigned b_near,
                                                 unsigned b_far) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_near), "r"(b_far));
}

template <>
__device__ __forceinline__ void multiply<__nv_bfloat16>(float (&sums)[4], const unsigned (&a)[4], unsigned b_near,
                                                        unsigned b_far) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_near), "r"(b_far));
}

template <>
__device__ __forceinline__ void multiply<float>(float (&sums)[4], const unsigned (&a)[4], unsigned b_near,
                                                unsigned b_far) {
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b_near), "r"(b_far));
}
