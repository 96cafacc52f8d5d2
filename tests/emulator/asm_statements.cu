// Forms of asm statements, each kernel run by one block.

// Four floats per thread, from a pointer and an offset; and two words by the cache for constant data.
extern "C" __global__ void vectors(const float* x, float* y, unsigned* z) {
    const int i = threadIdx.x;
    float a, b, c, d;
    asm("ld.global.v4.f32 {%0, %1, %2, %3}, [%4 + 16];"
        : "=f"(a), "=f"(b), "=f"(c), "=f"(d)
        : "l"(x + 4 * i));
    asm volatile("st.global.v4.f32 [%0], {%1, %2, %3, %4};"
                 :
                 : "l"(y + 4 * i), "f"(d), "f"(c), "f"(b), "f"(a)
                 : "memory");
    asm("ld.global.nc.L1::no_allocate.v2.u32 {_, %0}, [%1];" : "=r"(z[i]) : "l"(x + 2 * i));
}

// Bytes, which loads extend by their sign and stores cut off.
extern "C" __global__ void bytes(const signed char* x, int* y, signed char* z) {
    const int i = threadIdx.x;
    asm("ld.global.s8 %0, [%1];" : "=r"(y[i]) : "l"(x + i));
    asm volatile("st.global.u8 [%0], %1;" ::"l"(z + i), "r"(y[i] * 257) : "memory");
}

// Shared memory by 32-bit addresses and by generic ones: y is x reversed.
extern "C" __global__ void reversed(const unsigned* x, unsigned* y) {
    __shared__ unsigned buffer[65];
    const int i = threadIdx.x;
    const unsigned place = (unsigned)__cvta_generic_to_shared(buffer + i);
    asm volatile("st.shared.u32 [%0 + 4], %1;" ::"r"(place), "r"(x[i]) : "memory");
    asm volatile("bar.sync 0;" ::: "memory");
    asm volatile(
        "{\n"
        "    .reg .u64 s, g;            // the window of shared memory, and a generic address\n"
        "    cvta.to.shared.u64 s, %1;\n"
        "    cvta.shared.u64 g, s;\n"
        "    ld.u32 %0, [g+-4]; /* one word before */\n"
        "}"
        : "=r"(y[i])
        : "l"(buffer + 65 - i));
}

// y: what atomics leave of zeros, then the sum of x by compare and swap; ranks: an order in which they came.
extern "C" __global__ void atomics(const float* x, unsigned* y, float* sum, unsigned* ranks) {
    const int i = threadIdx.x;
    asm volatile("atom.global.add.u32 %0, [%1], 1;" : "=r"(ranks[i]) : "l"(y) : "memory");
    asm volatile("red.global.max.s32 [%0], %1;" ::"l"(y + 1), "r"(i - 5) : "memory");
    asm volatile("red.global.or.b32 [%0], %1;" ::"l"(y + 2), "r"(i) : "memory");
    asm volatile("atom.relaxed.gpu.global.inc.u32 _, [%0], 9;" ::"l"(y + 3) : "memory");
    unsigned* bits = (unsigned*)sum;
    unsigned seen = 0, before;
    do {
        before = seen;
        const unsigned wanted = __float_as_uint(__uint_as_float(before) + x[i]);
        asm volatile("atom.global.cas.b32 %0, [%1], %2, %3;"
                     : "=r"(seen)
                     : "l"(bits), "r"(before), "r"(wanted)
                     : "memory");
    } while (seen != before);
    asm volatile("red.global.add.f32 [%0], %1;" ::"l"(sum + 1), "f"(x[i]) : "memory");
}

// y: x (x + 1) / 2 by a loop; z: 1 where x is odd and 2 elsewhere, by predicates.
extern "C" __global__ void branches(const unsigned* x, unsigned* y, unsigned* z) {
    const int i = threadIdx.x;
    asm("{\n"
        "    .reg .pred more;\n"
        "    .reg .u32 n;\n"
        "    mov.u32 n, %1;\n"
        "    mov.u32 %0, 0;\n"
        "again:\n"
        "    add.u32 %0, %0, n;\n"
        "    setp.ne.u32 more, n, 0;\n"
        "    @more sub.u32 n, n, 1;\n"
        "    @more bra again;\n"
        "}"
        : "=r"(y[i])
        : "r"(x[i]));
    asm("{ .reg .pred never, p, q; .reg .b32 bit; setp.ne.u32 never, %1, %1; and.b32 bit, %1, 1;"
        " setp.eq.or.u32 p|q, bit, 1, never; @p mov.u32 %0, 1; @!p mov.u32 %0, 2; }"
        : "=r"(z[i])
        : "r"(x[i]));
}

// Outputs that are read as well, whose expressions have effects, and registers that braces hide.
extern "C" __global__ void operands(unsigned* x, int n) {
    if (threadIdx.x) return;
    unsigned* next = x;
    asm("add.u32 %0, %0, %1;" : "+r"(*next++) : "n"(3 * 4));
    asm("{ .reg .u32 t; mov.u32 t, %1; { .reg .u32 t; mov.u32 t, 7; } mov.u32 %0, t; }" : "=r"(*next++) : "r"(n));
    asm("mov.b32 %0, %1;" : "=&r"(*next++) : "f"(1.0f));
    asm volatile("" ::: "memory");
    *next = (unsigned)(next - x);
}

// y: [8, 32], what the lanes of a warp find together.
extern "C" __global__ void warp(const int* x, unsigned* y) {
    const int lane = threadIdx.x;
    unsigned* row = y + lane;
    asm("{ .reg .pred p; setp.gt.s32 p, %1, 0; vote.sync.ballot.b32 %0, p, 0xFFFFFFFF; }"
        : "=r"(row[0])
        : "r"(x[lane]));
    asm("{ .reg .pred p, q; setp.gt.s32 p, %1, 0; vote.sync.any.pred q, p, -1; selp.u32 %0, 1, 0, q; }"
        : "=r"(row[32])
        : "r"(x[lane]));
    asm("{ .reg .pred p, q; setp.gt.s32 p, %1, 0; vote.sync.all.pred q, p, -1; selp.u32 %0, 1, 0, q; }"
        : "=r"(row[64])
        : "r"(x[lane]));
    asm("redux.sync.add.s32 %0, %1, 0xFFFFFFFF;" : "=r"(row[96]) : "r"(x[lane]));
    asm("redux.sync.min.s32 %0, %1, 0xFFFFFFFF;" : "=r"(row[128]) : "r"(x[lane]));
    asm("redux.sync.xor.b32 %0, %1, 0xFFFFFFFF;" : "=r"(row[160]) : "r"(x[lane]));
    asm("shfl.sync.bfly.b32 %0, %1, 1, 0x1F, 0xFFFFFFFF;" : "=r"(row[192]) : "r"(x[lane]));
    asm volatile("bar.warp.sync 0xFFFFFFFF;");
    asm volatile("activemask.b32 %0;" : "=r"(row[224]));
}
