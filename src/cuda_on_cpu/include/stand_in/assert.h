// Stand-in for <assert.h>: a failed assertion is reported and ends the kernel, not the process. Without a guard, like
// the header that it replaces, because NDEBUG may have changed.
#include "../runtime.h"

#undef assert
#ifdef NDEBUG
#define assert(condition) ((void)0)
#else
#define assert(condition) ((condition) ? (void)0 : coc_fail("assert(" #condition ") failed", __LINE__))
#endif
