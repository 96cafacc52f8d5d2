// What an emulator of the hardware claims about it, one kernel per instruction: a GPU must give the same bits.
//
// Every kernel is run by one block of one warp, and lane i writes element i of each row of 32 of its result.  All
// numbers are integers, or floats in which every product and every sum is exact.

#define FULL 0xFFFFFFFFu

// y: [4 ways, 5 widths, 32 distances, 32 lanes], from x: [32].  Widths are 2, 4, 8, 16 and 32.
extern "C" __global__ void shuffles(const int* x, int* y) {
    const int lane = threadIdx.x, value = x[lane];
    for (int i = 0; i < 5; i++) {
        const int width = 2 << i;
        for (int distance = 0; distance < 32; distance++) {
            int* row = y + (i * 32 + distance) * 32 + lane;
            row[0 * 5120] = __shfl_sync(FULL, value, distance, width);
            row[1 * 5120] = __shfl_up_sync(FULL, value, distance, width);
            row[2 * 5120] = __shfl_down_sync(FULL, value, distance, width);
            row[3 * 5120] = __shfl_xor_sync(FULL, value, distance, width);
        }
    }
}

// Shuffles among the lanes of a mask alone, and of 64 bits.  y: [2, 32]; lanes 20 and up leave 0 in the first row.
extern "C" __global__ void partial_shuffles(const int* x, long long* y) {
    const int lane = threadIdx.x;
    y[lane] = 0;
    if (lane < 20) y[lane] = __shfl_sync(0xFFFFFu, x[lane], 19 - lane);
    __syncwarp();
    y[32 + lane] = __shfl_xor_sync(FULL, x[lane] * 0x100000000ll + lane, 1);
}

// The predicates of shfl.sync, which say whether the lane that is read lies in the segment.  y: [4, 32], bit 31 is the
// predicate.  Segments have 8 lanes; c holds the last lane of a segment, 0 for `up`, and the mask of segments << 8.
extern "C" __global__ void shuffle_predicates(const unsigned* x, unsigned* y) {
    const int lane = threadIdx.x;
    unsigned value, inside;
    asm("{ .reg .pred p; shfl.sync.idx.b32 %0|p, %2, 5, 0x1807, 0xFFFFFFFF; selp.u32 %1, 1, 0, p; }"
        : "=r"(value), "=r"(inside)
        : "r"(x[lane]));
    y[0 * 32 + lane] = value | inside << 31;
    asm("{ .reg .pred p; shfl.sync.up.b32 %0|p, %2, 3, 0x1800, 0xFFFFFFFF; selp.u32 %1, 1, 0, p; }"
        : "=r"(value), "=r"(inside)
        : "r"(x[lane]));
    y[1 * 32 + lane] = value | inside << 31;
    asm("{ .reg .pred p; shfl.sync.down.b32 %0|p, %2, 3, 0x1807, 0xFFFFFFFF; selp.u32 %1, 1, 0, p; }"
        : "=r"(value), "=r"(inside)
        : "r"(x[lane]));
    y[2 * 32 + lane] = value | inside << 31;
    asm("{ .reg .pred p; shfl.sync.bfly.b32 %0|p, %2, 6, 0x1803, 0xFFFFFFFF; selp.u32 %1, 1, 0, p; }"
        : "=r"(value), "=r"(inside)
        : "r"(x[lane]));
    y[3 * 32 + lane] = value | inside << 31;
}

// y: [6, 32]: ballot, any, all of x > 0; then the same among the first 20 lanes, others leave 0.
extern "C" __global__ void votes(const int* x, unsigned* y) {
    const int lane = threadIdx.x, yes = x[lane] > 0;
    y[0 * 32 + lane] = __ballot_sync(FULL, yes);
    y[1 * 32 + lane] = __any_sync(FULL, yes);
    y[2 * 32 + lane] = __all_sync(FULL, yes);
    unsigned ballot = 0, any = 0, all = 0;
    if (lane < 20) {
        ballot = __ballot_sync(0xFFFFFu, yes);
        any = __any_sync(0xFFFFFu, yes);
        all = __all_sync(0xFFFFFu, yes);
    }
    y[3 * 32 + lane] = ballot;
    y[4 * 32 + lane] = any;
    y[5 * 32 + lane] = all;
}

// y: [4, 32]: lanes with the same value of 32 bits, and of 64; then lanes with the same value if all have it, else 0,
// and whether all have it.
extern "C" __global__ void matches(const int* x, unsigned* y) {
    const int lane = threadIdx.x;
    int all = 0;
    y[0 * 32 + lane] = __match_any_sync(FULL, x[lane]);
    y[1 * 32 + lane] = __match_any_sync(FULL, x[lane] * 0x200000000ll);
    y[2 * 32 + lane] = __match_all_sync(FULL, x[lane], &all);
    y[3 * 32 + lane] = all;
}

// y: [8, 32]: sum, least, largest of signed numbers, then of unsigned ones the least and the largest, and, or, xor.
extern "C" __global__ void reductions(const int* x, int* y) {
    const int lane = threadIdx.x, value = x[lane];
    y[0 * 32 + lane] = __reduce_add_sync(FULL, value);
    y[1 * 32 + lane] = __reduce_min_sync(FULL, value);
    y[2 * 32 + lane] = __reduce_max_sync(FULL, value);
    y[3 * 32 + lane] = __reduce_min_sync(FULL, (unsigned)value);
    y[4 * 32 + lane] = __reduce_max_sync(FULL, (unsigned)value);
    y[5 * 32 + lane] = __reduce_and_sync(FULL, (unsigned)value);
    y[6 * 32 + lane] = __reduce_or_sync(FULL, (unsigned)value);
    y[7 * 32 + lane] = __reduce_xor_sync(FULL, (unsigned)value);
}

// x: [4 matrices, 8 rows, 4 words of two 16-bit numbers].  y: [14, 32], what ldmatrix leaves in the registers of
// x1, x2, x4, first as stored, then transposed.  Rows lie 48 bytes apart, as padding against bank conflicts has it.
extern "C" __global__ void load_matrices(const unsigned* x, unsigned* y) {
    __shared__ __align__(16) unsigned rows[32][12];
    const int lane = threadIdx.x;
    for (int i = 0; i < 4; i++) rows[lane][i] = x[lane * 4 + i];
    __syncwarp();
    const unsigned row = (unsigned)__cvta_generic_to_shared(&rows[lane][0]);
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];"
                 : "=r"(y[0 * 32 + lane])
                 : "r"(row)
                 : "memory");
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];"
                 : "=r"(y[1 * 32 + lane]), "=r"(y[2 * 32 + lane])
                 : "r"(row)
                 : "memory");
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(y[3 * 32 + lane]), "=r"(y[4 * 32 + lane]), "=r"(y[5 * 32 + lane]), "=r"(y[6 * 32 + lane])
                 : "r"(row)
                 : "memory");
    asm volatile("ldmatrix.sync.aligned.m8n8.x1.trans.shared.b16 {%0}, [%1];"
                 : "=r"(y[7 * 32 + lane])
                 : "r"(row)
                 : "memory");
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0, %1}, [%2];"
                 : "=r"(y[8 * 32 + lane]), "=r"(y[9 * 32 + lane])
                 : "r"(row)
                 : "memory");
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(y[10 * 32 + lane]), "=r"(y[11 * 32 + lane]), "=r"(y[12 * 32 + lane]), "=r"(y[13 * 32 + lane])
                 : "r"(row)
                 : "memory");
}

// x: [4, 32, 16 bytes], y likewise: copies of 4, 8 and 16 bytes per lane, and of 16 past the first-level cache.  Lane i
// reads i mod 17 bytes, at most as many as it copies, and zeros follow.  Bytes that are not copied keep 0xEE.
extern "C" __global__ void asynchronous_copies(const unsigned* x, unsigned* y) {
    __shared__ __align__(16) unsigned buffer[4][32][4];
    const int lane = threadIdx.x;
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 4; i++) buffer[k][lane][i] = 0xEEEEEEEEu;
    __syncwarp();
    unsigned target[4];
    for (int k = 0; k < 4; k++) target[k] = (unsigned)__cvta_generic_to_shared(&buffer[k][lane][0]);
    const int bytes = lane % 17;
    asm volatile("cp.async.ca.shared.global [%0], [%1], 4, %2;"
                 :
                 : "r"(target[0]), "l"(x + (0 * 32 + lane) * 4), "r"(min(bytes, 4))
                 : "memory");
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;"
                 :
                 : "r"(target[1]), "l"(x + (1 * 32 + lane) * 4), "r"(min(bytes, 8))
                 : "memory");
    asm volatile("cp.async.ca.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(target[2]), "l"(x + (2 * 32 + lane) * 4), "r"(min(bytes, 16))
                 : "memory");
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
                 :
                 : "r"(target[3]), "l"(x + (3 * 32 + lane) * 4), "r"(min(bytes, 16))
                 : "memory");
    asm volatile("cp.async.wait_all;" ::: "memory");
    __syncwarp();
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 4; i++) y[(k * 32 + lane) * 4 + i] = buffer[k][lane][i];
}

// y: [4, 32], the rows of x: [4, 32] in their order, each from a group of its own that was waited for just before.
extern "C" __global__ void groups_of_copies(const unsigned* x, unsigned* y) {
    __shared__ unsigned buffer[4][32];
    const int lane = threadIdx.x;
    for (int k = 0; k < 4; k++) {
        const unsigned target = (unsigned)__cvta_generic_to_shared(&buffer[k][lane]);
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4;" ::"r"(target), "l"(x + k * 32 + lane) : "memory");
        asm volatile("cp.async.commit_group;" ::: "memory");
    }
    asm volatile("cp.async.wait_group 3;" ::: "memory");
    y[0 * 32 + lane] = buffer[0][lane];
    asm volatile("cp.async.wait_group 2;" ::: "memory");
    y[1 * 32 + lane] = buffer[1][lane];
    asm volatile("cp.async.wait_group 1;" ::: "memory");
    y[2 * 32 + lane] = buffer[2][lane];
    asm volatile("cp.async.wait_group 0;" ::: "memory");
    y[3 * 32 + lane] = buffer[3][lane];
}

// D = A B + C by tensor cores.  a: [4, 32] and b: [2, 32] registers, c and d: [4, 32], as the lanes hold them.
extern "C" __global__ void multiply_bf16(const unsigned* a, const unsigned* b, const float* c, float* d) {
    const int i = threadIdx.x, j = 32 + i, k = 64 + i, l = 96 + i;
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32"
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
                 : "=f"(d[i]), "=f"(d[j]), "=f"(d[k]), "=f"(d[l])
                 : "r"(a[i]), "r"(a[j]), "r"(a[k]), "r"(a[l]), "r"(b[i]), "r"(b[j]), "f"(c[i]), "f"(c[j]), "f"(c[k]),
                   "f"(c[l]));
}

extern "C" __global__ void multiply_f16(const unsigned* a, const unsigned* b, const float* c, float* d) {
    const int i = threadIdx.x, j = 32 + i, k = 64 + i, l = 96 + i;
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32"
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
                 : "=f"(d[i]), "=f"(d[j]), "=f"(d[k]), "=f"(d[l])
                 : "r"(a[i]), "r"(a[j]), "r"(a[k]), "r"(a[l]), "r"(b[i]), "r"(b[j]), "f"(c[i]), "f"(c[j]), "f"(c[k]),
                   "f"(c[l]));
}

extern "C" __global__ void multiply_tf32(const unsigned* a, const unsigned* b, const float* c, float* d) {
    const int i = threadIdx.x, j = 32 + i, k = 64 + i, l = 96 + i;
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32"
                 " {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%10, %11, %12, %13};"
                 : "=f"(d[i]), "=f"(d[j]), "=f"(d[k]), "=f"(d[l])
                 : "r"(a[i]), "r"(a[j]), "r"(a[k]), "r"(a[l]), "r"(b[i]), "r"(b[j]), "f"(c[i]), "f"(c[j]), "f"(c[k]),
                   "f"(c[l]));
}

// Likewise of half the depth: a: [2, 32] and b: [1, 32].
extern "C" __global__ void multiply_bf16_short(const unsigned* a, const unsigned* b, const float* c, float* d) {
    const int i = threadIdx.x, j = 32 + i, k = 64 + i, l = 96 + i;
    asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.bf16.bf16.f32"
                 " {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
                 : "=f"(d[i]), "=f"(d[j]), "=f"(d[k]), "=f"(d[l])
                 : "r"(a[i]), "r"(a[j]), "r"(b[i]), "f"(c[i]), "f"(c[j]), "f"(c[k]), "f"(c[l]));
}

extern "C" __global__ void multiply_tf32_short(const unsigned* a, const unsigned* b, const float* c, float* d) {
    const int i = threadIdx.x, j = 32 + i, k = 64 + i, l = 96 + i;
    asm volatile("mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32"
                 " {%0, %1, %2, %3}, {%4, %5}, {%6}, {%7, %8, %9, %10};"
                 : "=f"(d[i]), "=f"(d[j]), "=f"(d[k]), "=f"(d[l])
                 : "r"(a[i]), "r"(a[j]), "r"(b[i]), "f"(c[i]), "f"(c[j]), "f"(c[k]), "f"(c[l]));
}

// y: the nearest numbers of 10 bits of mantissa, ties away from zero, as bits.
extern "C" __global__ void round_to_tf32(const float* x, unsigned* y) {
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(y[threadIdx.x]) : "f"(x[threadIdx.x]));
}

// y: [2, 32], a b + c rounded once: two f16 in each word, then two bf16.
extern "C" __global__ void fuse_halves(const unsigned* a, const unsigned* b, const unsigned* c, unsigned* y) {
    const int i = threadIdx.x, j = 32 + i;
    asm("fma.rn.f16x2 %0, %1, %2, %3;" : "=r"(y[i]) : "r"(a[i]), "r"(b[i]), "r"(c[i]));
    asm("fma.rn.bf16x2 %0, %1, %2, %3;" : "=r"(y[j]) : "r"(a[j]), "r"(b[j]), "r"(c[j]));
}
