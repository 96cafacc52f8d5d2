// Where the shared memory of the running block lies.
//
// Static shared arrays are thread_local variables, all in one segment of the module (PT_TLS), of which every OS thread
// has a copy. A kernel owns a part of it: the arrays that its code refers to.
#pragma once

#include <link.h>

#include <algorithm>

#include "reports.h"

namespace coc {

static char *static_low, *static_high;  // the segment, as the OS thread of the launch sees it
static char *module_low, *module_high;  // code and data of the module
static char* dynamic;
static std::vector<char> dynamic_store;
static const size_t DYNAMIC_ALIGNMENT = 1024;
static const size_t DYNAMIC_MARGIN = 64 * 1024;  // on both sides, so that an overrun harms nobody before it is reported
static const size_t PAGE = 4096;

thread_local char tls_anchor;  // makes sure that the module has the segment

static int find_module(struct dl_phdr_info* info, size_t, void*) {
    const uintptr_t here = (uintptr_t)&find_module;
    uintptr_t low = UINTPTR_MAX, high = 0, tls = 0, tls_bytes = 0;
    bool found = false;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const auto& header = info->dlpi_phdr[i];
        if (header.p_type == PT_LOAD) {
            const uintptr_t start = info->dlpi_addr + header.p_vaddr, end = start + header.p_memsz;
            low = std::min(low, start);
            high = std::max(high, end);
            found |= here >= start && here < end;
        } else if (header.p_type == PT_TLS) {
            tls = (uintptr_t)info->dlpi_tls_data;
            tls_bytes = header.p_memsz;
        }
    }
    if (!found) return 0;
    module_low = (char*)low;
    module_high = (char*)high;
    static_low = (char*)tls;
    static_high = (char*)tls + tls_bytes;
    return 1;  // ends the iteration
}

static void find_static_shared() {
    *(volatile char*)&tls_anchor = 0;  // the first access of an OS thread allocates its copy
    dl_iterate_phdr(find_module, nullptr);
}

static void allocate_dynamic_shared() {
    dynamic_store.resize(launch.dynamic_bytes + 2 * DYNAMIC_MARGIN + DYNAMIC_ALIGNMENT);
    const uintptr_t start = (uintptr_t)dynamic_store.data() + DYNAMIC_MARGIN + DYNAMIC_ALIGNMENT - 1;
    dynamic = (char*)(start / DYNAMIC_ALIGNMENT * DYNAMIC_ALIGNMENT);
}

// On a GPU shared memory holds anything when a block starts; here it holds NaN.
static void poison_shared() {
    for (int i = 0; i < launch.n_shared; i++)
        memset(static_low + launch.shared[i].offset, 0xFF, launch.shared[i].bytes);
    memset(dynamic, 0xFF, launch.dynamic_bytes);
}

static bool is_static_shared(const void* p) { return within(p, static_low, static_high); }
static bool is_dynamic_shared(const void* p) { return within(p, dynamic, dynamic + launch.dynamic_bytes); }

}  // namespace coc

COC_EXPORT uint64_t coc_module_base() {
    coc::find_static_shared();
    return (uint64_t)coc::module_low;
}

COC_API char* coc_dynamic_shared() { return coc::dynamic; }
COC_API unsigned coc_dynamic_shared_size() { return coc::launch.dynamic_bytes; }

COC_API uint64_t coc_to_shared(const void* p) {
    using namespace coc;
    if (is_static_shared(p)) return (uint64_t)((const char*)p - static_low);
    // A pointer behind the last element may be converted as well.
    if (is_dynamic_shared(p) || p == dynamic + launch.dynamic_bytes)
        return COC_DYNAMIC_BASE + (uint64_t)((const char*)p - dynamic);
    coc_fail("__cvta_generic_to_shared of a pointer that is not in shared memory", 0);
    return 0;
}

COC_API char* coc_from_shared(uint32_t address) {
    return address >= COC_DYNAMIC_BASE ? coc::dynamic + (address - COC_DYNAMIC_BASE) : coc::static_low + address;
}
