// The runtime of one compiled module: CUDA threads as fibers, barriers, warp operations and the memory checker.
//
// It is linked into every module, so that a module is one file that works wherever it is copied. One OS thread runs a
// launch, block by block, and exactly one CUDA thread runs at any moment: nothing here needs locks or atomics. The
// Python side holds a lock during a launch.
#include "runtime.h"

#include "runtime/context.h"          // switching stacks
#include "runtime/state.h"            // threads, warps, the launch
#include "runtime/reports.h"          // what was found, and leaving a kernel
#include "runtime/shared_memory.h"    // where shared memory lies
#include "runtime/fibers.h"           // running and suspending threads
#include "runtime/barriers.h"         // __syncthreads
#include "runtime/warp_operations.h"  // shuffles, votes, __syncwarp
#include "runtime/races.h"            // shadow memory and the rule for races
#include "runtime/accesses.h"         // which memory an access means, and whether it may
#include "runtime/async_copies.h"     // cp.async
#include "runtime/hooks.h"            // functions that instrumented code calls
#include "runtime/scheduler.h"        // blocks, orders of threads, deadlocks
#include "runtime/launch.h"           // the functions that Python calls
