// Kernels without a bug, each close to one in bugs.cu. They are launched like those; none may be reported.
#define FULL 0xffffffffu

extern "C" __global__ void synchronises_the_block(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    float sum = 0;
    for (int k = 0; k < 3; k++) {
        s[t] = x[t] + k;
        __syncthreads();
        sum += s[63 - t];
        __syncthreads();
    }
    y[t] = sum;
}
extern "C" __global__ void synchronises_the_warp(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncwarp();
    float v = s[t ^ 1];
    __syncwarp();
    s[t ^ 2] = v;
    __syncwarp();
    y[t] = s[t];
}
extern "C" __global__ void reads_again_what_other_lanes_have_read(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncwarp();
    float v = s[t ^ 1];
    __syncwarp();
    s[t] += v;
    __syncwarp();
    y[t] = s[t ^ 2];
}
extern "C" __global__ void reads_in_turn(const float* x, float* y, int n) {
    __shared__ float s[2];
    int t = threadIdx.x;
    if (t % 32 == 31) s[t / 32] = 0;
    __syncwarp();
    for (int lane = 0; lane < 32; lane++) {
        if (t % 32 == lane) s[t / 32] += x[t];
        __syncwarp();
    }
    y[t] = s[t / 32];
}
extern "C" __global__ void synchronises_half_warps(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x, lane = t & 31;
    s[t] = x[t];
    __syncwarp(lane < 16 ? 0x0000ffffu : 0xffff0000u);
    float v = s[t ^ 8];
    __syncwarp();
    s[t ^ 16] = v;
    __syncwarp();
    y[t] = s[t ^ 1];
}
extern "C" __global__ void adds_atomically(const float* x, float* y, int n) {
    __shared__ float s;
    if (threadIdx.x == 0) s = 0;
    __syncthreads();
    atomicAdd(&s, x[threadIdx.x]);
    __syncthreads();
    if (threadIdx.x == 0) y[blockIdx.x] = s;
}
extern "C" __global__ void adds_atomically_in_a_warp(const float* x, float* y, int n) {
    __shared__ float s[2];
    float& sum = s[threadIdx.x / 32];
    if (threadIdx.x % 32 == 31) sum = 0;
    __syncwarp();
    atomicAdd(&sum, x[threadIdx.x]);
    __syncwarp();
    y[threadIdx.x] = sum;
}
extern "C" __global__ void two_blocks_add_atomically(const float* x, float* y, int n) {
    atomicAdd(y + threadIdx.x / 2, x[threadIdx.x]);
}
extern "C" __global__ void two_blocks_count_for_themselves(const float* x, float* y, int n) {
    unsigned* counts = reinterpret_cast<unsigned*>(y);
    atomicAdd_block(counts + blockIdx.x, 1);
    atomicCAS_block(counts + blockIdx.x + 8, 0, 1);
}
extern "C" __global__ void two_blocks_read_the_same(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    y[i] = x[threadIdx.x] + x[127 - threadIdx.x];
}
extern "C" __global__ void exchanges_through_global_memory(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] = x[t];
    __syncthreads();
    float other = y[63 - t];
    __syncthreads();
    y[t] = other;
}
extern "C" __global__ void writes_before_it_reads(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t + n] = x[t];
    y[t] = y[t + n];
}
extern "C" __global__ void returns_after_the_last_barrier(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    if (t >= 32) return;
    float sum = s[t] + s[t + 32];
    for (int by = 16; by; by >>= 1) sum += __shfl_down_sync(FULL, sum, by);
    if (t == 0) y[0] = sum;
}
extern "C" __global__ void shuffles_in_half_a_warp(const float* x, float* y, int n) {
    int t = threadIdx.x;
    float v = x[t];
    if ((t & 31) < 16) v += __shfl_xor_sync(0x0000ffffu, v, 1);
    y[t] = v;
}
extern "C" __global__ void uses_all_dynamic_shared_memory(const float* x, float* y, int n) {
    extern __shared__ __align__(16) unsigned char bytes[];
    float* s = reinterpret_cast<float*>(bytes);
    int t = threadIdx.x;
    if (t < 32) s[t] = x[t];
    __syncthreads();
    y[t] = s[t & 31];
}
extern "C" __global__ void writes_parts_of_an_element(const float* x, float* y, int n) {
    unsigned char* bytes = reinterpret_cast<unsigned char*>(y);
    bytes[threadIdx.x] = bytes[threadIdx.x + n] = threadIdx.x;
}
extern "C" __global__ void reads_vectors(const float* x, float* y, int n) {
    int t = threadIdx.x;
    if (t < 32) {
        float4 v = __ldg(reinterpret_cast<const float4*>(x) + t);
        reinterpret_cast<float4*>(y)[t] = make_float4(v.w, v.z, v.y, v.x);
    }
}
extern "C" __global__ void wraps_unsigned_integers(const float* x, float* y, int n) {
    unsigned t = threadIdx.x;
    y[t] = (t * 4000000000u + (t - 10u)) >> 8;
}
extern "C" __global__ void waits_for_an_asynchronous_copy(const float* x, float* y, int n) {
    __shared__ __align__(16) float s[64];
    int t = threadIdx.x;
    if (t < 16) {
        unsigned to = (unsigned)__cvta_generic_to_shared(s + 4 * t);
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(x + 4 * t));
        asm volatile("cp.async.commit_group;");
        asm volatile("cp.async.wait_group 0;");
    }
    __syncthreads();
    y[t] = s[63 - t];
}
