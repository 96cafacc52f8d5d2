"""`cupy.cuda.runtime`: functions of the pretended devices, by numbers and addresses."""

from __future__ import annotations

from typing import Any

from cuda_on_cpu.stand_in import limits
from cuda_on_cpu.stand_in.device import CUDA_VERSION, CUDARuntimeError, Device
from cuda_on_cpu.stand_in.raw_copies import memcpy, memcpy_async


class Runtime:
    """`cupy.cuda.runtime`, with its spelling."""

    CUDARuntimeError = CUDARuntimeError
    memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice, memcpyDefault = 1, 2, 3, 4
    streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = 0, 1, 2

    def __init__(self, stand_in: Any) -> None:
        self.stand_in = stand_in

    def getDeviceCount(self) -> int:
        if not self.stand_in.devices:
            raise CUDARuntimeError("cudaErrorNoDevice: no CUDA-capable device is detected")
        return int(self.stand_in.devices)

    def getDevice(self) -> int:
        return int(self.stand_in.thread.device)

    def setDevice(self, device: int) -> None:
        if not 0 <= device < self.stand_in.devices:
            raise CUDARuntimeError(f"cudaErrorInvalidDevice: device {device} of {self.stand_in.devices}")
        self.stand_in.thread.device = device

    def getDeviceProperties(self, device: int) -> dict[str, Any]:
        if not 0 <= device < self.stand_in.devices:
            raise CUDARuntimeError(f"cudaErrorInvalidDevice: device {device} of {self.stand_in.devices}")
        found = limits.attributes(self.stand_in.architecture)
        return {
            "name": b"a CPU that stands in for " + limits.ARCHITECTURES[self.stand_in.architecture].example.encode(),
            "major": found["ComputeCapabilityMajor"],
            "minor": found["ComputeCapabilityMinor"],
            "multiProcessorCount": found["MultiProcessorCount"],
            "maxThreadsPerBlock": found["MaxThreadsPerBlock"],
            "sharedMemPerBlock": found["MaxSharedMemoryPerBlock"],
            "sharedMemPerBlockOptin": found["MaxSharedMemoryPerBlockOptin"],
            "regsPerBlock": found["MaxRegistersPerBlock"],
            "warpSize": found["WarpSize"],
        }

    def deviceSynchronize(self) -> None:
        Device(self.stand_in).synchronize()

    def memcpy(self, dst: int, src: int, size: int, kind: int) -> None:
        memcpy(self.stand_in, dst, src, size, kind)

    def memcpyAsync(self, dst: int, src: int, size: int, kind: int, stream: int) -> None:
        memcpy_async(self.stand_in, dst, src, size, kind, self.stand_in.cuda.stream_of(stream))

    def runtimeGetVersion(self) -> int:
        return CUDA_VERSION

    def driverGetVersion(self) -> int:
        return CUDA_VERSION
