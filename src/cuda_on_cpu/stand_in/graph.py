"""`cupy.cuda.Graph`: operations that were captured once and run at each launch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cuda_on_cpu.stand_in.capture import Node


class Graph:
    """What `Stream.end_capture` gives.  As in CUDA it does not keep alive the memory that its nodes use.

    `nodes` are the names of the operations, in the order in which they were captured, and in which they run.
    """

    stand_in: Any  # of the subclass that a stand-in makes
    _nodes: tuple[Node, ...]

    def __init__(self) -> None:
        raise NotImplementedError(
            "currently this class cannot be initiated by the user and must be created via stream capture"
        )

    @classmethod
    def of(cls, nodes: Sequence[Node]) -> Graph:
        graph = cls.__new__(cls)
        graph._nodes = tuple(nodes)
        return graph

    @property
    def nodes(self) -> tuple[str, ...]:
        return tuple(node.name for node in self._nodes)

    def launch(self, stream: Any = None) -> None:
        """Run all nodes on a stream, the current one by default.

        LaunchError, before any of them runs, where a node uses memory of device or host that has been freed.
        """
        stream = self._stream(stream, "Graph.launch")
        for node in self._nodes:
            node.require_memory()
        with self.stand_in.on(stream):
            for node in self._nodes:
                node.run()
        self.stand_in.counters.add(graph_launches=1)
        self.stand_in.queue("launch graph", stream)

    def upload(self, stream: Any = None) -> None:
        """Nothing that can be seen: on a device it makes the first launch faster."""
        self._stream(stream, "Graph.upload")

    def _stream(self, stream: Any, operation: str) -> Any:
        stream = stream or self.stand_in.cuda.get_current_stream()
        if stream.capture is not None:
            raise NotImplementedError(f"{operation} while {stream.name} captures: the stand-in has no child graphs")
        self.stand_in.refuse_beside_capture(operation, stream)
        return stream
