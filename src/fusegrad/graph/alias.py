"""Which arrays share one place: results with what is read for the last time, copies with what they are copies of.

Ops say what they allow (see `Op`).  Here is decided where it does no harm: an array is written over another that is not
read later; and a copy stays in the place of its origin as long as nobody writes into one while the other is still read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fusegrad.graph.calls import Call, named
from fusegrad.graph.lifetimes import lifetimes
from fusegrad.graph.spec import Buffer
from fusegrad.ops import Op


def aliases(calls: Sequence[Call], given: Iterable[Buffer], kept: Iterable[Buffer]) -> dict[Buffer, Buffer]:
    """For every buffer that lies in the place of another that one, which itself lies in no other's.

    Calls and buffers are those of the plan: `given` ones are alive before the first call, `kept` ones after the last.
    """
    sharing = Sharing(calls, given, kept)
    for index, call in enumerate(calls):
        sharing.share(index, call)
    places = {buffer: place.first_owner for buffer, place in sharing.places.items()}
    return {buffer: owner for buffer, owner in places.items() if owner is not buffer}


def unmoved(call: Call, aliases: Mapping[Buffer, Buffer]) -> set[Buffer]:
    """The copies that a call need not write, and their origins where no other array is computed from them."""
    if not isinstance(call.function, Op) or not call.function.copies:
        return set()
    arrays, copies, origins = named(call), set(), set()
    for target, sources in call.function.copies.items():
        for source in sources:
            pair = arrays[target], arrays[source]
            if None not in pair and aliases.get(pair[0], pair[0]) is aliases.get(pair[1], pair[1]):
                copies.add(pair[0])
                origins.add(pair[1])
    return copies | (origins if set(call.buffers()) == copies | origins else set())


@dataclass(eq=False)
class Place:
    """Memory that buffers have one after the other, or together while they are equal.

    `owners` are those that may still be alive, `first` and `last` the calls between which any is.
    """

    first_owner: Buffer
    owners: list[Buffer]
    first: int
    last: int


class Sharing:
    """The search for what can share a place, call by call."""

    def __init__(self, calls: Sequence[Call], given: Iterable[Buffer], kept: Iterable[Buffer]) -> None:
        self.first, self.last = lifetimes(calls, given, kept)
        self.places: dict[Buffer, Place] = {}
        self.writes: dict[Buffer, list[int]] = defaultdict(list)
        for index, call in enumerate(calls):
            for buffer in call.writes:
                self.writes[buffer].append(index)

    def share(self, index: int, call: Call) -> None:
        """Find places for what this call writes first."""
        if not isinstance(call.function, Op) or not (call.function.copies or call.function.in_place):
            return
        arrays = named(call)
        for target, sources in call.function.copies.items():
            plain = [source for source in sources if not self.is_added_to(index, arrays[source])]
            for place in self.candidates(index, arrays, target, plain):
                if self.stay_equal(index, self.place(arrays[target]), place):
                    self.join(self.place(arrays[target]), place)
                    break
        for target, sources in call.function.in_place.items():
            for place in self.candidates(index, arrays, target, sources):
                if place.last == index and self.is_read_once(call, place):
                    self.join(self.place(arrays[target]), place)
                    break

    def candidates(self, index: int, arrays: Mapping[str, Any], target: str, sources: Sequence[str]) -> list[Place]:
        """The places of those of the sources that are as large as the target, if that is first alive at this call."""
        buffer = arrays[target]
        if buffer not in self.first or self.place(buffer).first != index:
            return []
        found = [self.place(arrays[name]) for name in sources if arrays[name] in self.first]
        return [place for place in found if place is not self.place(buffer) and alike(place.first_owner, buffer)]

    def is_added_to(self, index: int, buffer: Any) -> bool:
        """Whether this call writes into what was there before, so that what it adds is not what is there then."""
        return buffer in self.first and index in self.writes[buffer] and self.first[buffer] != index

    def place(self, buffer: Buffer) -> Place:
        if buffer not in self.places:
            self.places[buffer] = Place(buffer, [buffer], self.first[buffer], self.last[buffer])
        return self.places[buffer]

    def stay_equal(self, index: int, new: Place, place: Place) -> bool:
        """Whether nobody writes into owners of one place while owners of the other, now equal, are still read."""
        pairs = ((old, owner) for old in place.owners for owner in new.owners)
        return all(self.is_kept_by(index, a, b) and self.is_kept_by(index, b, a) for a, b in pairs)

    def is_kept_by(self, index: int, reader: Buffer, writer: Buffer) -> bool:
        """Whether what `reader` holds is not changed after this call by writes to `writer`."""
        return not any(index < write <= self.last[reader] for write in self.writes[writer])

    def is_read_once(self, call: Call, place: Place) -> bool:
        """Whether one argument alone lies in this place, so that no element is read after its own was written."""
        return Counter(self.places.get(buffer) for buffer in call.buffers())[place] == 1

    def join(self, new: Place, place: Place) -> None:
        """Let the owners of `new` move into `place`; its list stays short, since all of a deep graph may use it."""
        place.owners = [owner for owner in place.owners if self.last[owner] >= new.first] + new.owners
        place.last = max(place.last, new.last)
        self.places |= dict.fromkeys(new.owners, place)


def alike(a: Buffer, b: Buffer) -> bool:
    """Whether two buffers have as many elements of one dtype."""
    assert a.spec is not None and b.spec is not None
    return (a.spec.size, a.spec.dtype) == (b.spec.size, b.spec.dtype)
