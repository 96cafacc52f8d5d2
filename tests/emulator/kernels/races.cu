// One bug per kernel, of threads that do not wait for each other or do not meet. The comments "reported:" and the
// launch are those of bugs.cu.
#define FULL 0xffffffffu

// ---------------------------------------------------------------- barriers that are missing
extern "C" __global__ void lacks_a_barrier_before_reading(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = 0;
    __syncthreads();
    s[t] = x[t];                // reported: racecheck, thread 63
    y[t] = t < 32 ? s[63] : 0;  // reported: racecheck
}
extern "C" __global__ void lacks_a_barrier_before_the_first_reading(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];       // reported: racecheck
    y[t] = s[63 - t];  // reported: initcheck racecheck, thread 0
}
extern "C" __global__ void lacks_a_barrier_before_writing(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    y[t] = s[0];               // reported: racecheck
    if (t == 63) s[0] = 1.0f;  // reported: racecheck, thread 63
}
extern "C" __global__ void lacks_a_barrier_between_writes(const float* x, float* y, int n) {
    __shared__ float s;
    int t = threadIdx.x;
    if (t == 5 || t == 40) s = t;  // reported: racecheck, thread 40
    __syncthreads();
    y[t] = s;
}
extern "C" __global__ void lacks_a_barrier_at_the_end_of_a_loop(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    float sum = 0;
    for (int k = 0; k < 3; k++) {
        s[t] = x[t] + k;  // reported: racecheck
        __syncthreads();
        sum += s[63 - t];  // reported: racecheck
    }
    y[t] = sum;
}
extern "C" __global__ void lacks_a_barrier_for_global_memory(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] = x[t];          // reported: racecheck
    y[t] = y[t ^ 1] + 1;  // reported: racecheck
}
extern "C" __global__ void lacks_a_syncwarp(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];      // reported: racecheck
    y[t] = s[t ^ 1];  // reported: initcheck racecheck, thread 0
}
extern "C" __global__ void synchronises_too_few_lanes(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x, lane = t & 31;
    s[t] = 0;
    __syncthreads();
    s[t] = x[t];  // reported: racecheck
    __syncwarp(lane < 16 ? 0x0000ffffu : 0xffff0000u);
    y[t] = s[t ^ 16];  // reported: racecheck
}
extern "C" __global__ void reads_again_after_a_syncwarp(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncwarp();
    float v = s[t ^ 1];
    __syncwarp();
    v += s[t ^ 1];  // reported: racecheck
    s[t] = v;       // reported: racecheck
}
extern "C" __global__ void takes_a_shuffle_for_a_fence(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];  // reported: racecheck
    float v = __shfl_xor_sync(FULL, x[t], 1);
    y[t] = s[t ^ 1] + v;  // reported: racecheck
}
extern "C" __global__ void mixes_atomic_and_plain_access(const float* x, float* y, int n) {
    __shared__ float s;
    if (threadIdx.x == 0) s = 0;
    __syncthreads();
    atomicAdd(&s, x[threadIdx.x]);  // reported: racecheck, thread 1
    y[threadIdx.x] = s;             // reported: racecheck
}
extern "C" __global__ void reads_after_its_own_atomic(const float* x, float* y, int n) {
    __shared__ float s;
    if (threadIdx.x == 0) s = 0;
    __syncthreads();
    atomicAdd(&s, x[threadIdx.x]);       // reported: racecheck
    if (threadIdx.x == n - 1) y[0] = s;  // reported: racecheck, thread 63
}
extern "C" __global__ void adds_after_zero_is_set_for_one_warp(const float* x, float* y, int n) {
    __shared__ float s;
    if (threadIdx.x == 0) s = 0;  // reported: racecheck
    __syncwarp();
    atomicAdd(&s, x[threadIdx.x]);  // reported: initcheck racecheck, thread 32
    __syncthreads();
    y[threadIdx.x] = s;
}
extern "C" __global__ void adds_before_the_sum_is_zero(const float* x, float* y, int n) {
    __shared__ float s;
    if (threadIdx.x == 0) s = 0;    // reported: racecheck
    atomicAdd(&s, x[threadIdx.x]);  // reported: initcheck racecheck, thread 1
    __syncthreads();
    y[threadIdx.x] = s;
}

// ---------------------------------------------------------------- races of blocks
extern "C" __global__ void two_blocks_write_one_element(const float* x, float* y, int n) {
    if (threadIdx.x == 7) y[0] = blockIdx.x;  // reported: racecheck, block 1, thread 7
}
extern "C" __global__ void two_blocks_add_to_what_one_sets_to_zero(const float* x, float* y, int n) {
    if (threadIdx.x == 0 && blockIdx.x == 0) y[3] = 0;  // reported: racecheck
    __syncthreads();
    if (threadIdx.x == 1) atomicAdd(y + 3, 1.0f);  // reported: racecheck, block 1, thread 1
}
extern "C" __global__ void two_blocks_add_for_the_block_alone(const float* x, float* y, int n) {
    if (threadIdx.x == 4) atomicAdd_block(y, 1.0f);  // reported: racecheck, block 1, thread 4
}
extern "C" __global__ void two_blocks_add_for_the_block_in_assembly(const float* x, float* y, int n) {
    if (threadIdx.x != 4) return;
    asm volatile("red.relaxed.cta.add.f32 [%0], %1;" ::"l"(y), "f"(1.0f));  // reported: racecheck, block 1, thread 4
}
extern "C" __global__ void two_blocks_add_and_one_reads(const float* x, float* y, int n) {
    int last = blockIdx.x == 1 && threadIdx.x == 63;
    if (threadIdx.x == 0) atomicAdd(y, x[threadIdx.x]);  // reported: racecheck
    __syncthreads();
    if (last) y[1] = y[0];  // reported: racecheck, block 1, thread 63
}
extern "C" __global__ void two_threads_write_one_byte(const float* x, float* y, int n) {
    reinterpret_cast<unsigned char*>(y)[threadIdx.x / 2] = 1;  // reported: racecheck, thread 1
}
extern "C" __global__ void two_blocks_read_what_the_other_writes(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float other = blockIdx.x ? y[threadIdx.x] : 0;  // reported: racecheck, block 1, thread 0
    y[i] = other + x[i];                            // reported: racecheck
}
extern "C" __global__ void two_blocks_wait_for_a_fence(const float* x, float* y, int n) {
    if (threadIdx.x == 0 && blockIdx.x == 0) y[5] = 1;  // reported: racecheck
    __threadfence();
    if (threadIdx.x == 0 && blockIdx.x == 1) y[6] = y[5];  // reported: racecheck, block 1, thread 0
}
extern "C" __global__ void caches_what_it_writes(const float* x, float* y, int n) {
    if (threadIdx.x == 0) y[1] = x[0];
    __syncthreads();
    if (threadIdx.x == 9) y[2] = __ldg(y + 1);  // reported: racecheck, thread 9
}

// ---------------------------------------------------------------- threads that do not meet
extern "C" __global__ void waits_at_different_barriers(const float* x, float* y, int n) {
    if (threadIdx.x < 32) {
        __syncthreads();  // reported: synccheck
    } else {
        __syncthreads();  // reported: synccheck
    }
}
extern "C" __global__ void waits_once_more_in_one_thread(const float* x, float* y, int n) {
    for (int i = 0; i < 2 + (threadIdx.x == 5); i++) {
        __syncthreads();  // reported: synccheck
    }
}
extern "C" __global__ void returns_before_a_barrier(const float* x, float* y, int n) {
    if (threadIdx.x >= 60) return;
    __syncthreads();  // reported: synccheck
    y[threadIdx.x] = 1;
}
extern "C" __global__ void shuffles_in_every_other_lane(const float* x, float* y, int n) {
    int t = threadIdx.x;
    float v = x[t];
    if (t & 1) v += __shfl_xor_sync(FULL, v, 2);  // reported: synccheck
    y[t] = v;
}
extern "C" __global__ void shuffles_outside_its_mask(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] = __shfl_down_sync(0x0000ffffu, x[t], 1);  // reported: synccheck, thread 16
}
extern "C" __global__ void votes_where_others_shuffle(const float* x, float* y, int n) {
    int t = threadIdx.x;
    if (t & 1)
        y[t] = __ballot_sync(FULL, 1);  // reported: synccheck, thread 1
    else
        y[t] = __shfl_sync(FULL, x[t], 0);  // reported: synccheck
}
extern "C" __global__ void waits_for_ever(const float* x, float* y, int n) {
    if (threadIdx.x & 1)
        __syncthreads();
    else
        __syncwarp();  // reported: deadlock
}

// ---------------------------------------------------------------- asynchronous copies
extern "C" __global__ void reads_an_asynchronous_copy_early(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[256];
    int t = threadIdx.x;
    unsigned to = (unsigned)__cvta_generic_to_shared(s + 4 * t);
    if (t < 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + 4 * t));
        asm volatile("cp.async.commit_group;");
        y[t] = s[4 * t];  // reported: initcheck, thread 0
        asm volatile("cp.async.wait_group 0;");
    }
}
extern "C" __global__ void lacks_a_barrier_after_an_asynchronous_copy(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[64];
    int t = threadIdx.x;
    if (t < 16) {
        unsigned to = (unsigned)__cvta_generic_to_shared(s + 4 * t);
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + 4 * t));  // reported: racecheck
        asm volatile("cp.async.commit_group;");
        asm volatile("cp.async.wait_group 0;");
    }
    y[t] = s[63 - t];  // reported: initcheck racecheck, thread 0
}
extern "C" __global__ void never_waits_for_an_asynchronous_copy(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[64];
    if (threadIdx.x == 2) {
        unsigned to = (unsigned)__cvta_generic_to_shared(s);
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x));  // reported: fail, thread 2
        asm volatile("cp.async.commit_group;");
    }
}
