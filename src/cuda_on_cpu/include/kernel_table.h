// How Python finds kernels and learns their parameters, from C++ types: no text of the source has to be parsed, and
// templates work with the strings that NVRTC calls name expressions.
#pragma once

namespace coc {

template <class T>
static const char* type_name() {
    using std::is_same;
    return is_same<T, float>::value                ? "float32"
           : is_same<T, double>::value             ? "float64"
           : is_same<T, __half>::value             ? "float16"
           : is_same<T, __nv_bfloat16>::value      ? "bfloat16"
           : is_same<T, bool>::value               ? "bool"
           : is_same<T, int>::value                ? "int32"
           : is_same<T, unsigned>::value           ? "uint32"
           : is_same<T, long long>::value          ? "int64"
           : is_same<T, unsigned long long>::value ? "uint64"
           : is_same<T, long>::value               ? "int64"
           : is_same<T, unsigned long>::value      ? "uint64"
           : is_same<T, short>::value              ? "int16"
           : is_same<T, unsigned short>::value     ? "uint16"
           : is_same<T, char>::value               ? "int8"
           : is_same<T, signed char>::value        ? "int8"
           : is_same<T, unsigned char>::value      ? "uint8"
           : is_same<T, void>::value               ? "void"
           : is_same<T, float2>::value             ? "float32x2"
           : is_same<T, float4>::value             ? "float32x4"
           : is_same<T, double2>::value            ? "float64x2"
           : is_same<T, int2>::value               ? "int32x2"
           : is_same<T, int4>::value               ? "int32x4"
           : is_same<T, uint2>::value              ? "uint32x2"
           : is_same<T, uint4>::value              ? "uint32x4"
           : is_same<T, __half2>::value            ? "float16x2"
           : is_same<T, __nv_bfloat162>::value     ? "bfloat16x2"
                                                   : "struct";
}

// "P:float32;" for a pointer, "Pc:float32;" for a pointer to const, "S:int32:4:4;" for a value, its size and alignment
template <class T>
static void describe(char*& out, char* end) {
    if constexpr (std::is_pointer<T>::value) {
        using Target = std::remove_pointer_t<T>;
        const char* mark = std::is_const<Target>::value ? "Pc" : "P";
        out += snprintf(out, end - out, "%s:%s;", mark, type_name<std::remove_cv_t<Target>>());
    } else {
        const char* name = type_name<std::remove_cv_t<T>>();
        out += snprintf(out, end - out, "S:%s:%d:%d;", name, (int)sizeof(T), (int)alignof(T));
    }
}

template <class F>
struct Signature;
template <class... Parameters>
struct Signature<void (*)(Parameters...)> {
    static void describe_all(char* out, char* end) {
        *out = 0;
        (describe<Parameters>(out, end), ...);
    }
    template <auto kernel, size_t... I>
    COC_NOSAN static void call(void** arguments, std::index_sequence<I...>) {
        kernel(*(std::remove_cv_t<Parameters>*)arguments[I]...);
    }
    template <auto kernel>
    COC_NOSAN static void invoke(void** arguments) {
        call<kernel>(arguments, std::index_sequence_for<Parameters...>{});
    }
};

struct KernelEntry {  // mirrored in module.py
    void (*invoke)(void** arguments);
    void (*describe)(char* out, int bytes);
    int launch_bounds;
};

// The first argument of __launch_bounds__.
constexpr int first_bound(int threads, int = 0, int = 0) { return threads; }

}  // namespace coc

// build.py writes one of these per kernel at the end of the source; it makes templates concrete as well.
#define COC_KERNEL(number, bounds, ...)                                                 \
    static COC_NOSAN void coc_invoke_##number(void** coc_arguments) {                   \
        constexpr auto coc_pointer = &__VA_ARGS__;                                      \
        using coc_type = std::remove_const_t<decltype(coc_pointer)>;                    \
        coc::Signature<coc_type>::template invoke<coc_pointer>(coc_arguments);          \
    }                                                                                   \
    static COC_NOSAN void coc_describe_##number(char* coc_out, int coc_bytes) {         \
        coc::Signature<decltype(&__VA_ARGS__)>::describe_all(coc_out, coc_out + coc_bytes); \
    }                                                                                   \
    COC_EXPORT const coc::KernelEntry coc_kernel_##number = {coc_invoke_##number, coc_describe_##number, bounds};
