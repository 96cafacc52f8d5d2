// LayerNorm over rows (Ba et al., 2016, arXiv:1607.06450), after the sum of a residual connection if there is one.
#include "rows.cuh"

// total = x + residual, or x without a residual; y = (total - mean) rstd gamma + beta for each row, with its mean and
// rstd = 1 / sqrt(the mean of (total - mean)² + eps): the squares are those of differences, which do not cancel.
// Shapes: x, residual, total, y (rows, width); gamma, beta (width,) or null; mean, rstd (rows,).
// A team of TEAM threads handles a row.  Where `keep_row` it reads the row once and keeps it in shared memory, which
// has (THREADS / TEAM, width) elements for that.
// Bounds with a 1, since ptxas otherwise saves registers by spilling; loops that it unrolled would take twice as many.
// Instances: layer_norm_forward<float, 32 | 256, 1 | 4>, layer_norm_forward<double, 32 | 256, 1 | 2>,
//  layer_norm_forward<__half | __nv_bfloat16, 32 | 256, 1 | 8>
template <class T, int TEAM, int N>
__global__ void __launch_bounds__(THREADS, 1) layer_norm_forward(
    const T* __restrict__ x, const T* __restrict__ residual, const T* __restrict__ gamma, const T* __restrict__ beta,
    T* __restrict__ total, T* __restrict__ y, accumulator<T>* __restrict__ mean, accumulator<T>* __restrict__ rstd,
    long long rows, int width, accumulator<T> eps, bool keep_row) {
    extern __shared__ __align__(32) unsigned char memory[];
    const int lane = threadIdx.x % TEAM, slot = threadIdx.x / TEAM;
    const long long row = static_cast<long long>(blockIdx.x) * (THREADS / TEAM) + slot, offset = row * width;
    if (row >= rows) return;  // for whole warps at once where a warp handles a row
    T* kept = keep_row ? reinterpret_cast<T*>(memory) + static_cast<size_t>(slot) * width : nullptr;

    accumulator<T> sum = 0;
    const T* again = read_row<TEAM, N>(
        x, residual, total, kept, offset, lane, width, [&](accumulator<T> element) { sum += element; });
    const accumulator<T> center = team_sum<TEAM>(sum) / width;

    accumulator<T> squares = 0;
#pragma unroll 1
    for (int i = lane * N; i < width; i += TEAM * N) {
        const Vector<T, N> elements = load<N>(again + i);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            const accumulator<T> difference = widened(elements.at[k]) - center;
            squares += difference * difference;
        }
    }
    const accumulator<T> scale = 1 / sqrt(team_sum<TEAM>(squares) / width + eps);

#pragma unroll 1
    for (int i = lane * N; i < width; i += TEAM * N) {
        const Vector<T, N> elements = load<N>(again + i);
        Vector<T, N> factors, shifts, results;
        if (gamma) factors = load<N>(gamma + i);
        if (beta) shifts = load<N>(beta + i);
#pragma unroll
        for (int k = 0; k < N; ++k) {
            accumulator<T> result = (widened(elements.at[k]) - center) * scale;
            if (gamma) result *= widened(factors.at[k]);
            if (beta) result += widened(shifts.at[k]);
            results.at[k] = stored<T>(result);
        }
        store<N>(y + offset + i, results);
    }
    if (lane == 0) {
        mean[row] = center;
        rstd[row] = scale;
    }
}

// With n = (x - mean) rstd and g = dy gamma, for each row: d = rstd (g - mean(g) - n mean(g n)) + dtotal, which dx and
// dresidual are set to, or have added to them; and the sums over rows dgamma = Σ dy n, dbeta = Σ dy, in parts.
// Shapes: dy, x (rows, width), and so dtotal, dx, dresidual or null; gamma (width,) or null; mean, rstd (rows,);
// dgamma_parts, dbeta_parts (gridDim.x · THREADS / TEAM, width) or null.
// A team of TEAM threads handles a row, then the next but as many as there are teams in the grid; each has parts of its
// own.  Shared memory has, for every team of the block: where `keep_sums` the two sums, (teams, 2, width) of
// accumulator<T>; and after those, where `keep_row`, x and dy of the row, (teams, 2, width) of T.
// Instances: layer_norm_backward<float, 32 | 256, 1 | 4>, layer_norm_backward<double, 32 | 256, 1 | 2>,
//  layer_norm_backward<__half | __nv_bfloat16, 32 | 256, 1 | 8>
template <class T, int TEAM, int N>
__global__ void __launch_bounds__(THREADS, 1) layer_norm_backward(
    const T* __restrict__ dy, const T* __restrict__ dtotal, const T* __restrict__ x, const T* __restrict__ gamma,
    const accumulator<T>* __restrict__ mean, const accumulator<T>* __restrict__ rstd, T* __restrict__ dx,
    T* __restrict__ dresidual, accumulator<T>* __restrict__ dgamma_parts, accumulator<T>* __restrict__ dbeta_parts,
    long long rows, int width, bool add_dx, bool add_dresidual, bool keep_sums, bool keep_row) {
    using A = accumulator<T>;
    constexpr int TEAMS = THREADS / TEAM;
    extern __shared__ __align__(32) unsigned char memory[];
    const int lane = threadIdx.x % TEAM, slot = threadIdx.x / TEAM;
    const long long team = static_cast<long long>(blockIdx.x) * TEAMS + slot;
    const size_t place = static_cast<size_t>(slot) * 2 * width;
    A* const kept_sums = keep_sums ? reinterpret_cast<A*>(memory) + place : nullptr;
    T* const kept_x = reinterpret_cast<T*>(memory + (keep_sums ? sizeof(A) * TEAMS * 2 * width : 0)) + place;
    T* const kept_dy = kept_x + width;
    A* const dgamma_part = dgamma_parts ? dgamma_parts + team * width : nullptr;
    A* const dbeta_part = dbeta_parts ? dbeta_parts + team * width : nullptr;
    A* const dgamma = begin_sums<TEAM, N>(kept_sums, dgamma_part, lane, width);
    A* const dbeta = begin_sums<TEAM, N>(keep_sums ? kept_sums + width : nullptr, dbeta_part, lane, width);

    for (long long row = team; row < rows; row += static_cast<long long>(gridDim.x) * TEAMS) {
        const long long offset = row * width;
        const A center = mean[row], scale = rstd[row];
        A sum = 0, sum_with_n = 0;
#pragma unroll 2
        for (int i = lane * N; i < width; i += TEAM * N) {
            const Vector<T, N> elements = load<N>(x + offset + i), slopes = load<N>(dy + offset + i);
            if (keep_row) {
                store<N>(kept_x + i, elements);
                store<N>(kept_dy + i, slopes);
            }
            Vector<T, N> factors;
            if (gamma) factors = load<N>(gamma + i);
            Vector<A, N> of_gamma, of_beta;
#pragma unroll
            for (int k = 0; k < N; ++k) {
                const A n = (widened(elements.at[k]) - center) * scale;
                A g = widened(slopes.at[k]);
                of_beta.at[k] = g;
                of_gamma.at[k] = g * n;
                if (gamma) g *= widened(factors.at[k]);
                sum += g;
                sum_with_n += g * n;
            }
            if (dgamma) add_to(dgamma + i, of_gamma);
            if (dbeta) add_to(dbeta + i, of_beta);
        }
        if (!dx && !dresidual) continue;
        const A mean_of_g = team_sum<TEAM>(sum) / width, mean_with_n = team_sum<TEAM>(sum_with_n) / width;

        const T* x_again = keep_row ? kept_x : x + offset;
        const T* dy_again = keep_row ? kept_dy : dy + offset;
#pragma unroll 2
        for (int i = lane * N; i < width; i += TEAM * N) {
            const Vector<T, N> elements = load<N>(x_again + i), slopes = load<N>(dy_again + i);
            Vector<T, N> factors, arriving;
            if (gamma) factors = load<N>(gamma + i);
            if (dtotal) arriving = load<N>(dtotal + offset + i);
            Vector<A, N> results;
#pragma unroll
            for (int k = 0; k < N; ++k) {
                const A n = (widened(elements.at[k]) - center) * scale;
                A g = widened(slopes.at[k]);
                if (gamma) g *= widened(factors.at[k]);
                results.at[k] = scale * (g - mean_of_g - n * mean_with_n);
                if (dtotal) results.at[k] += widened(arriving.at[k]);
            }
            if (dx) put(dx + offset + i, results, add_dx);
            if (dresidual) put(dresidual + offset + i, results, add_dresidual);
        }
    }
    end_sums<TEAM, N>(dgamma, dgamma_part, lane, width);
    end_sums<TEAM, N>(dbeta, dbeta_part, lane, width);
}
