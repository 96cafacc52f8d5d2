"""The one block of memory in which all programs of an arena put their arrays."""

from __future__ import annotations

import weakref
from typing import Any, Protocol

from fusegrad.backend import Backend


class Tenant(Protocol):
    def unbind(self) -> None: ...


class Block:
    """Memory as large as the largest plan of its tenants, shared because only one of them runs at a time.

    When a larger tenant comes, the block is replaced and every tenant binds its arrays anew before it runs again.
    """

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.memory: Any = None
        self.nbytes = 0
        self.tenants: weakref.WeakSet[Tenant] = weakref.WeakSet()
        self.occupant: weakref.ref[Tenant] | None = None

    def reserve(self, tenant: Tenant, nbytes: int) -> Any:
        """The memory, at least `nbytes` of it."""
        self.tenants.add(tenant)
        if nbytes > self.nbytes or self.memory is None:
            for other in self.tenants:
                other.unbind()
            self.memory, self.nbytes, self.occupant = None, nbytes, None
            self.memory = self.backend.empty((nbytes,), "uint8")
        return self.memory

    def occupy(self, tenant: Tenant | None) -> None:
        """Say whose results the memory holds from now on."""
        self.occupant = None if tenant is None else weakref.ref(tenant)

    def is_held_by(self, tenant: Tenant) -> bool:
        """Whether what `tenant` last computed is still there."""
        return self.occupant is not None and self.occupant() is tenant
