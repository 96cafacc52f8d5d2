// One bug per kernel, of memory or of numbers. A comment "reported:" stands on each line that the checker may name,
// with the kinds of report; where a thread is given, it is the first to be reported if threads run forward.
//
// All are launched alike: blocks of 64 threads, two blocks if the name has the word "blocks" and one otherwise, x and y
// of 128 floats of which y counts as never written from element 64 on, n = 64, and 128 bytes of dynamic shared memory.

// ---------------------------------------------------------------- bounds of arrays
extern "C" __global__ void reads_behind_the_end(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] = x[t + n + 1];  // reported: memcheck, thread 63
}
extern "C" __global__ void writes_behind_the_end(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[2 * t + 4] = x[t];  // reported: memcheck, thread 62
}
extern "C" __global__ void reads_before_the_start(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] = x[t - 1];  // reported: memcheck, thread 0
}
extern "C" __global__ void reads_far_away(const float* x, float* y, int n) {
    long long t = threadIdx.x;
    y[t] = x[t << 40];  // reported: memcheck, thread 1
}
extern "C" __global__ void reads_a_vector_across_the_end(const float* x, float* y, int n) {
    struct Pair {
        float a, b;
    };
    int t = threadIdx.x;
    Pair pair = ((const Pair*)(x + 1))[t];  // reported: memcheck, thread 63
    y[t] = pair.a + pair.b;
}
extern "C" __global__ void reads_through_a_null_pointer(const float* x, float* y, int n) {
    const float* z = n ? nullptr : x;
    y[threadIdx.x] = z[threadIdx.x];  // reported: memcheck, thread 0
}
extern "C" __global__ void writes_to_const(const float* x, float* y, int n) {
    const_cast<float*>(x)[threadIdx.x] = 1;  // reported: memcheck, thread 0
}
extern "C" __global__ void copies_too_much(const float* x, float* y, int n) {
    if (threadIdx.x == 3) memcpy(y, x, 129 * sizeof(float));  // reported: memcheck, thread 3
}
extern "C" __global__ void adds_atomically_behind_the_end(const float* x, float* y, int n) {
    atomicAdd(y + 2 * n + threadIdx.x, 1.0f);  // reported: memcheck, thread 0
}

// ---------------------------------------------------------------- bounds of shared and local arrays
extern "C" __global__ void overruns_shared_memory(const float* x, float* y, int n) {
    __shared__ float s[64];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    float* p = s;
    y[t] = p[2 * t];  // reported: memcheck, thread 32
}
extern "C" __global__ void overruns_dynamic_shared_memory(const float* x, float* y, int n) {
    extern __shared__ float s[];
    s[threadIdx.x] = x[threadIdx.x];  // reported: memcheck, thread 32
}
extern "C" __global__ void overruns_an_inner_dimension(const float* x, float* y, int n) {
    __shared__ float s[4][16];
    int t = threadIdx.x;
    s[t / 16][t % 16] = x[t];
    __syncthreads();
    y[t] = s[t / 32][t % 32];  // reported: bounds, thread 16
}
extern "C" __global__ void overruns_a_local_array(const float* x, float* y, int n) {
    float a[4] = {1, 2, 3, 4};
    int t = threadIdx.x;
    y[t] = a[(t + n) & 7];  // reported: bounds, thread 4
}

// ---------------------------------------------------------------- memory that nobody wrote
extern "C" __global__ void reads_uninitialised_shared_memory(const float* x, float* y, int n) {
    __shared__ float s[65];
    int t = threadIdx.x;
    s[t] = x[t];
    __syncthreads();
    y[t] = s[t + 1];  // reported: initcheck, thread 63
}
extern "C" __global__ void adds_to_uninitialised_shared_memory(const float* x, float* y, int n) {
    __shared__ float s;
    atomicAdd(&s, x[threadIdx.x]);  // reported: initcheck, thread 0
    __syncthreads();
    y[threadIdx.x] = s;
}
extern "C" __global__ void keeps_shared_memory_over_two_blocks(const float* x, float* y, int n) {
    __shared__ float s;
    if (blockIdx.x == 0) s = 1;  // reported: racecheck
    __syncthreads();
    y[threadIdx.x + 64 * blockIdx.x] = s;  // reported: initcheck
}
extern "C" __global__ void reads_uninitialised_global_memory(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] += y[t + n];  // reported: initcheck, thread 0
}
extern "C" __global__ void adds_to_uninitialised_global_memory(const float* x, float* y, int n) {
    atomicAdd(y + n + threadIdx.x, 1.0f);  // reported: initcheck, thread 0
}

// ---------------------------------------------------------------- alignment and numbers
extern "C" __global__ void reads_a_misaligned_vector(const float* x, float* y, int n) {
    int t = threadIdx.x;
    if (t < 4) {
        float4 v = *reinterpret_cast<const float4*>(x + 4 * t + 1);  // reported: align, thread 0
        y[t] = v.x + v.w;
    }
}
extern "C" __global__ void loads_a_misaligned_vector(const float* x, float* y, int n) {
    float2 v = __ldg(reinterpret_cast<const float2*>(x + threadIdx.x));  // reported: align, thread 1
    y[threadIdx.x] = v.x;
}
extern "C" __global__ void overflows_an_integer(const float* x, float* y, int n) {
    int t = threadIdx.x;
    int big = t * 100000000;  // reported: bounds, thread 22
    y[t] = big > 0 ? 1.f : 2.f;
}
extern "C" __global__ void shifts_by_too_much(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] = 1u << t;  // reported: bounds, thread 32
}
extern "C" __global__ void divides_by_zero(const float* x, float* y, int n) {
    int t = threadIdx.x;
    y[t] = n / (t - 20);  // reported: bounds, thread 20
}

// ---------------------------------------------------------------- failures that the kernel finds itself
extern "C" __global__ void asserts_what_is_false(const float* x, float* y, int n) {
    assert(threadIdx.x < 50);  // reported: fail, thread 50
}
extern "C" __global__ void traps(const float* x, float* y, int n) {
    if (threadIdx.x == 11) __trap();  // reported: fail, thread 11
}
