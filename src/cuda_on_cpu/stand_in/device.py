"""`cupy.cuda.Device`: the pretended devices."""

from __future__ import annotations

from typing import Any

from cuda_on_cpu.stand_in import limits

CUDA_VERSION = 12090


class CUDARuntimeError(RuntimeError):
    """`cupy.cuda.runtime.CUDARuntimeError`"""


class Device:
    """A pretended device, the current one of the thread by default."""

    def __init__(self, stand_in: Any, device: int | Device | None = None) -> None:
        self.stand_in = stand_in
        self.id = stand_in.cuda.runtime.getDevice() if device is None else int(device)

    def use(self) -> Device:
        self.stand_in.cuda.runtime.setDevice(self.id)
        return self

    def __enter__(self) -> Device:
        self.stand_in.thread.outer_devices.append(self.stand_in.cuda.runtime.getDevice())
        return self.use()

    def __exit__(self, *error: object) -> None:
        self.stand_in.cuda.runtime.setDevice(self.stand_in.thread.outer_devices.pop())

    @property
    def compute_capability(self) -> str:
        return str(self.stand_in.architecture)

    @property
    def attributes(self) -> dict[str, int]:
        return limits.attributes(self.stand_in.architecture)

    def synchronize(self) -> None:
        self.stand_in.refuse_wait_for_device("a wait for the device", self.id)
        self.stand_in.counters.add(synchronisations=1)
        self.stand_in.queue("synchronize the device")
        self.stand_in.transfers.finish_all()

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and (self.stand_in, self.id) == (other.stand_in, other.id)

    def __hash__(self) -> int:
        return hash((self.stand_in, self.id))

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"
