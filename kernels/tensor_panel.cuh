// Panels: what one step along the inner axis needs of one factor of a product, in shared memory.
//
// Rows of a and columns of b are treated alike and called lines; depth is the place along the inner axis.  A panel has
// LINES lines, STEP_BYTES deep, and lies there as in memory: in rows of neighbours, which are lines where neighbours
// along the inner axis lie next to each other (ALONG_DEPTH), else the LINES elements of one depth.
#pragma once
#include "mma.cuh"
#include "storage.cuh"

constexpr int CHUNK_BYTES = 16;  // moved by one copy, and a row of the matrices that ldmatrix loads
constexpr int STEP_BYTES = 64;   // of each line, that a step multiplies
constexpr int SLAB_BYTES = 32;   // of each line, that one instruction multiplies
constexpr int SLABS = STEP_BYTES / SLAB_BYTES;

template <class T> constexpr int CHUNK = CHUNK_BYTES / sizeof(T);  // in elements
template <class T> constexpr int DEPTH = STEP_BYTES / sizeof(T);   // of a step

// Where chunks lie.  The 32 banks are 8 chunks wide, and what is loaded at once must have 8 different places in them,
// though it comes from one column of chunks of several rows.  So the number of a chunk is combined with a key of its
// row by exclusive or, which is free of conflicts for
//  ALONG_DEPTH: 8 rows of 4 chunks, by ldmatrix.  Two rows are 8 places; keys tell apart the four pairs of rows.
//  else, halves: 8 rows of 8 or more chunks, by ldmatrix with .trans.  Keys tell apart the 8 rows.
//  else, floats: 2 chunks of 4 rows, by single loads.  Keys, all of them even, tell apart 4 pairs of chunks.
// Copies write whole rows, and keys only change the order within 8 chunks.
template <class T, int LINES, bool ALONG_DEPTH> struct Panel {
    static constexpr int BYTES = LINES * STEP_BYTES;
    static constexpr int ROW_BYTES = ALONG_DEPTH ? STEP_BYTES : LINES * sizeof(T);
    static constexpr int ROW_CHUNKS = ROW_BYTES / CHUNK_BYTES;

    static __device__ __forceinline__ int key(int row) {
        return ALONG_DEPTH ? row / 2 % 4 : sizeof(T) == 2 ? row % 8 : row % 4 * 2;
    }

    static __device__ __forceinline__ int place(int row, int chunk) {
        return row * ROW_BYTES + (chunk ^ key(row)) * CHUNK_BYTES;
    }

    // A slab of 16 lines, those with the number `number` from `line` on, a multiple of 32, as `multiply` wants it of a:
    // in the registers are the near 16 bytes of 8 lines, those of the next 8, then the far ones of both.  Of b, the
    // registers 0 and 2 are of the first 8 columns, 1 and 3 of the next.
    static __device__ __forceinline__ void load(unsigned (&of)[4], const unsigned char* panel, int line, int number,
                                                int slab) {
        const int lane = threadIdx.x % 32;
        // `first` is the lane's place in the first slab.  8 rows further, of floats 4, the key is the same; and steps
        // along a row are bits that exclusive or changes as well after the key as before.
        if constexpr (ALONG_DEPTH) {
            const int first = place(lane % 16, lane / 16);
            load_matrices(of, panel + line * ROW_BYTES + (first ^ slab * SLAB_BYTES) + number * 16 * ROW_BYTES);
        } else if constexpr (sizeof(T) == 2) {
            const int first = place(lane % 8 + lane / 16 * 8, lane / 8 % 2) ^ line * 2;
            load_transposed(of, panel + (first ^ number * 32) + slab * 16 * ROW_BYTES);
        } else {
            const int first = place(lane % 4, lane / 16) + lane / 4 % 4 * 4;
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                const int at = (first ^ (number % 2 * 64 + i % 2 * 32)) + number / 2 * 128;
                of[i] = *reinterpret_cast<const unsigned*>(panel + line * 4 + at + (slab * 8 + i / 2 * 4) * ROW_BYTES);
            }
        }
        if constexpr (sizeof(T) == 4) {
#pragma unroll
            for (int i = 0; i < 4; ++i) of[i] = rounded_to_tf32(__uint_as_float(of[i]));
        }
    }
};

// The chunks of one factor that one of THREADS threads brings to shared memory, step after step.
template <class T, int LINES, bool ALONG_DEPTH, int THREADS> struct Chunks {
    using Of = Panel<T, LINES, ALONG_DEPTH>;
    static constexpr int COUNT = Of::BYTES / CHUNK_BYTES / THREADS;  // of this thread in a panel
    static constexpr int APART = THREADS / Of::ROW_CHUNKS;           // rows from one to the next

    const T* at;                   // the first chunk of the next step
    long long row_stride, stride;  // in elements, from row to row and within a row
    int rows, elements;            // from `at` on to the ends of the matrix, or of the part to sum
    bool wide;                     // whether chunks can be copied as a whole

    // From line and depth `first_…` on up to the ends; the matrix begins at `matrix`.
    __device__ __forceinline__ Chunks(const T* matrix, int first_line, int end_line, int first_depth, int end_depth,
                                      long long line_stride, long long depth_stride)
        : row_stride(ALONG_DEPTH ? line_stride : depth_stride), stride(ALONG_DEPTH ? depth_stride : line_stride) {
        const int row = (ALONG_DEPTH ? first_line : first_depth) + first_row();
        const int element = (ALONG_DEPTH ? first_depth : first_line) + chunk() * CHUNK<T>;
        at = matrix + row * row_stride + element * stride;
        rows = (ALONG_DEPTH ? end_line : end_depth) - row;
        elements = (ALONG_DEPTH ? end_depth : end_line) - element;
        wide = stride == 1 && row_stride % CHUNK<T> == 0 && is_aligned<CHUNK<T>>(matrix);
    }

    static __device__ __forceinline__ int first_row() { return threadIdx.x / Of::ROW_CHUNKS; }
    static __device__ __forceinline__ int chunk() { return threadIdx.x % Of::ROW_CHUNKS; }

    // Bring the next panel, with 0 for what lies behind an end.  It is there after the next group of copies is waited
    // for; chunks that cannot be copied as a whole are there at once.
    __device__ __forceinline__ void bring(unsigned char* panel) {
#pragma unroll
        for (int i = 0; i < COUNT; ++i) {
            const int left = i * APART < rows ? min(max(elements, 0), CHUNK<T>) : 0;
            const T* from = at + i * APART * row_stride;
            unsigned char* to = panel + Of::place(first_row() + i * APART, chunk());
            if (wide) begin_copy(to, from, left * static_cast<int>(sizeof(T)));
            else collect(to, from, left);
        }
        at += (ALONG_DEPTH ? stride : row_stride) * DEPTH<T>;
        (ALONG_DEPTH ? elements : rows) -= DEPTH<T>;
    }

    __device__ __forceinline__ void settle() const {}

    __device__ __forceinline__ void collect(unsigned char* to, const T* from, int left) const {
        Vector<T, CHUNK<T>> few;
#pragma unroll
        for (int i = 0; i < CHUNK<T>; ++i, from += stride) few.at[i] = i < left ? *from : stored<T>(0);
        store<CHUNK<T>>(reinterpret_cast<T*>(to), few);
    }
};
