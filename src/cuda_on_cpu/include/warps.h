// Shuffles, votes, reductions and matches of a warp, all of them on coc_collective.
#pragma once

namespace coc {

template <class T>
struct Shuffle {
    T value;
    int source;
    T out;
};

// The value of a lane that takes no part is poison.
template <class T>
COC_NOSAN void run_shuffle(void** frames, unsigned active, void*) {
    for (int lane = 0; lane < 32; lane++) {
        if (!(active >> lane & 1)) continue;
        auto* frame = (Shuffle<T>*)frames[lane];
        if (active >> frame->source & 1)
            __builtin_memcpy((void*)&frame->out, &((Shuffle<T>*)frames[frame->source])->value, sizeof(T));
        else
            __builtin_memset((void*)&frame->out, 0xFF, sizeof(T));
    }
}

template <class T>
COC_NOSAN static inline T shuffle(unsigned mask, T value, int source, int line) {
    static_assert(sizeof(T) <= 8, "__shfl_sync takes types of 4 and 8 bytes, and half types");
    Shuffle<T> frame{value, source, value};
    coc_collective(mask, COC_SHUFFLE, line, &frame, &run_shuffle<T>, nullptr);
    return frame.out;
}

struct Vote {
    int predicate;
    unsigned ballot;
};

static COC_NOSAN void run_vote(void** frames, unsigned active, void*) {
    unsigned ballot = 0;
    for (int lane = 0; lane < 32; lane++)
        if (active >> lane & 1) ballot |= (unsigned)(((Vote*)frames[lane])->predicate != 0) << lane;
    for (int lane = 0; lane < 32; lane++)
        if (active >> lane & 1) ((Vote*)frames[lane])->ballot = ballot;
}

static COC_NOSAN inline unsigned vote(unsigned mask, int predicate, int line) {
    Vote frame{predicate, 0};
    coc_collective(mask, COC_VOTE, line, &frame, run_vote, nullptr);
    return frame.ballot;
}

// Combines the values of all lanes of the mask, in the order of lanes.
template <class T, class F>
static inline T reduce(unsigned mask, T value, int line, F f) {
    T result = value;
    bool first = true;
    for (int lane = 0; lane < 32; lane++) {
        if (!(mask >> lane & 1)) continue;
        const T other = shuffle(mask, value, lane, line);
        result = first ? other : f(result, other);
        first = false;
    }
    return result;
}

// The lanes of the mask whose value has the same bits.
template <class T>
static inline unsigned match(unsigned mask, T value, int line) {
    unsigned lanes = 0;
    for (int lane = 0; lane < 32; lane++) {
        if (!(mask >> lane & 1)) continue;
        const T other = shuffle(mask, value, lane, line);
        lanes |= (unsigned)(memcmp(&other, &value, sizeof(T)) == 0) << lane;
    }
    return lanes;
}

}  // namespace coc

static inline void __syncwarp(unsigned mask = ~0u, COC_LINE) {
    int nothing = 0;
    coc_collective(mask, COC_SYNCWARP, line, &nothing, nullptr, nullptr);
}

// `width` divides the warp into segments; a lane whose source lies outside of its segment keeps its own value.
template <class T>
static inline T __shfl_sync(unsigned mask, T value, int source, int width = 32, COC_LINE) {
    const int lane = coc_now.lane;
    return coc::shuffle(mask, value, (lane & ~(width - 1)) | (source & (width - 1)), line);
}
template <class T>
static inline T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, COC_LINE) {
    const int lane = coc_now.lane, source = lane ^ bits;
    return coc::shuffle(mask, value, (source & ~(width - 1)) > (lane & ~(width - 1)) ? lane : source, line);
}
template <class T>
static inline T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, COC_LINE) {
    const int lane = coc_now.lane;
    return coc::shuffle(mask, value, (int)((lane & (width - 1)) + by) < width ? lane + (int)by : lane, line);
}
template <class T>
static inline T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, COC_LINE) {
    const int lane = coc_now.lane;
    return coc::shuffle(mask, value, (lane & (width - 1)) >= (int)by ? lane - (int)by : lane, line);
}

static inline unsigned __activemask() { return coc_activemask(); }
static inline unsigned __ballot_sync(unsigned mask, int p, COC_LINE) { return coc::vote(mask, p, line); }
static inline int __any_sync(unsigned mask, int p, COC_LINE) { return coc::vote(mask, p, line) != 0; }
static inline int __all_sync(unsigned mask, int p, COC_LINE) { return coc::vote(mask, !p, line) == 0; }

#define COC_REDUCE(name, T, expression)                                                           \
    static inline T __reduce_##name##_sync(unsigned mask, T value, COC_LINE) {                    \
        return coc::reduce(mask, value, line, [](T a, T b) COC_NOSAN -> T { return expression; }); \
    }
COC_REDUCE(add, unsigned, a + b)
COC_REDUCE(min, unsigned, b < a ? b : a)
COC_REDUCE(max, unsigned, b > a ? b : a)
COC_REDUCE(add, int, (int)((unsigned)a + (unsigned)b))
COC_REDUCE(min, int, b < a ? b : a)
COC_REDUCE(max, int, b > a ? b : a)
COC_REDUCE(and, unsigned, a & b)
COC_REDUCE(or, unsigned, a | b)
COC_REDUCE(xor, unsigned, a ^ b)
#undef COC_REDUCE

template <class T>
static inline unsigned __match_any_sync(unsigned mask, T value, COC_LINE) {
    return coc::match(mask, value, line);
}
template <class T>
static inline unsigned __match_all_sync(unsigned mask, T value, int* all, COC_LINE) {
    *all = coc::match(mask, value, line) == mask;
    return *all ? mask : 0;
}
