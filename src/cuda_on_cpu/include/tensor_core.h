// mma.sync and ldmatrix. Which lane holds which elements is as the PTX ISA draws it ("Warp-level matrix instructions").
#pragma once

namespace coc {

// The lower or upper of two 16-bit numbers in a register.
static inline float bfloat16_half(uint32_t pair, int upper) {
    return bits<float>(upper ? pair & 0xFFFF0000u : pair << 16);
}
static inline float half_half(uint32_t pair, int upper) {
    __half_raw raw;
    raw.x = (unsigned short)(upper ? pair >> 16 : pair);
    return __half2float(__half(raw));
}
// The tensor core ignores the 13 lowest bits of a float.
static inline float tf32_value(uint32_t word) { return bits<float>(word & 0xFFFFE000u); }

struct Mma {  // the fragments of one lane of D = A B + C
    float d[4];
    uint32_t a[4], b[4];
    float c[4];
};

// Element types and shapes, all of them m16n8 with float C and D
enum MmaKind { BF16_K16 = 0, F16_K16 = 1, TF32_K8 = 2, BF16_K8 = 3, TF32_K4 = 4 };
constexpr int mma_depth(int kind) { return kind <= F16_K16 ? 16 : kind == TF32_K4 ? 4 : 8; }
constexpr bool mma_has_pairs(int kind) { return kind <= F16_K16 || kind == BF16_K8; }

// Puts the fragments of one lane into A (16, K) and B (K, 8). Lane l belongs to group l / 4, where it is number l % 4.
template <int KIND>
COC_NOSAN static void gather_fragments(const Mma& f, int lane, float (&A)[16][16], float (&B)[16][8]) {
    constexpr int K = mma_depth(KIND);
    const int group = lane >> 2, number = lane & 3;
    if constexpr (mma_has_pairs(KIND)) {
        const auto value = KIND == F16_K16 ? half_half : bfloat16_half;
        for (int i = 0; i < K / 2; i++)
            A[group + (i >> 1 & 1) * 8][number * 2 + (i & 1) + (i >= 4) * 8] = value(f.a[i >> 1], i & 1);
        for (int i = 0; i < K / 4; i++) B[number * 2 + (i & 1) + (i >= 2) * 8][group] = value(f.b[i >> 1], i & 1);
    } else {
        for (int i = 0; i < K / 2; i++) A[group + (i & 1) * 8][number + (i >> 1) * 4] = tf32_value(f.a[i]);
        for (int i = 0; i < K / 4; i++) B[number + i * 4][group] = tf32_value(f.b[i]);
    }
}

// Products are exact and summed in double; the hardware sums differently, so compare with a tolerance.
template <int KIND>
COC_NOSAN static void run_mma(void** frames, unsigned active, void* line) {
    constexpr int K = mma_depth(KIND);
    if (active != ~0u) coc_fail("mma.sync executed by an incomplete warp", *(int*)line);
    float A[16][16], B[16][8];
    for (int lane = 0; lane < 32; lane++) gather_fragments<KIND>(*(Mma*)frames[lane], lane, A, B);
    for (int lane = 0; lane < 32; lane++) {
        Mma& f = *(Mma*)frames[lane];
        for (int i = 0; i < 4; i++) {
            const int row = (lane >> 2) + (i >> 1) * 8, column = (lane & 3) * 2 + (i & 1);
            double sum = f.c[i];
            for (int k = 0; k < K; k++) sum += (double)A[row][k] * B[k][column];
            f.d[i] = (float)sum;
        }
    }
}

template <int KIND, int NA, int NB>
COC_NOSAN static inline void mma(float (&d)[4], const uint32_t (&a)[NA], const uint32_t (&b)[NB], const float (&c)[4],
                                 int line) {
    Mma f;
    __builtin_memcpy(f.a, a, sizeof a);
    __builtin_memcpy(f.b, b, sizeof b);
    __builtin_memcpy(f.c, c, sizeof c);
    coc_collective(~0u, COC_MMA + KIND, line, &f, &run_mma<KIND>, &line);
    __builtin_memcpy(d, f.d, sizeof d);
}

struct Ldmatrix {
    const char* row;
    uint32_t out[4];
};
struct LdmatrixShape {
    int matrices, transposed, line;
};

static COC_NOSAN void run_ldmatrix(void** frames, unsigned active, void* user) {
    const LdmatrixShape& shape = *(LdmatrixShape*)user;
    if (active != ~0u) coc_fail("ldmatrix executed by an incomplete warp", shape.line);
    for (int m = 0; m < shape.matrices; m++) {
        uint16_t M[8][8];
        for (int r = 0; r < 8; r++) __builtin_memcpy(M[r], ((Ldmatrix*)frames[m * 8 + r])->row, 16);
        for (int lane = 0; lane < 32; lane++) {
            const int r = lane >> 2, c = (lane & 3) * 2;
            const uint32_t lower = shape.transposed ? M[c][r] : M[r][c];
            const uint32_t upper = shape.transposed ? M[c + 1][r] : M[r][c + 1];
            ((Ldmatrix*)frames[lane])->out[m] = lower | upper << 16;
        }
    }
}

// Lanes 0 .. 8 n - 1 give the addresses of the rows of n matrices, 8 x 8 numbers of 16 bits each.
static COC_NOSAN inline void ldmatrix(uint32_t* out, const char* row, int n, int transposed, int line) {
    Ldmatrix f;
    f.row = row;
    LdmatrixShape shape{n, transposed, line};
    if ((int)coc_now.lane < n * 8) {
        if ((uintptr_t)row & 15) coc_fail("ldmatrix row address is not 16-byte aligned", line);
#ifdef COC_CHECK
        for (int i = 0; i < 4; i++) coc_access(row + 4 * i, 4, COC_READ, (uintptr_t)line);
#endif
    }
    coc_collective(~0u, COC_LDMATRIX + n * 2 + transposed, line, &f, run_ldmatrix, &shape);
    for (int i = 0; i < n; i++) out[i] = f.out[i];
}

}  // namespace coc
