// In place of NVIDIA's header, of which kernels need only what cuda_on_cpu.h has included.
#pragma once
