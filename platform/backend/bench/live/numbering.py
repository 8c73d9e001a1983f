"""Which change each message tells of.

Messages do not say so. But the changes of one item have an order, given by its row lock, and so
have the messages about it, given by their ids: the n-th message of an item is that of its n-th
change. Whatever goes wrong shows as a contradiction to that.
"""

from collections import defaultdict
from collections.abc import Mapping

from bench.live.items import Key
from bench.live.truth import Change, Truth


class Numbering:
    def __init__(self, truth: Truth, told: Mapping[int, Key]) -> None:
        """`told`: the item of each number, as the readers were told."""
        self.truth = truth
        self.changes: dict[Key, list[Change]] = defaultdict(list)
        for change in truth.changes:
            self.changes[change.key].append(change)
        self.seqs: dict[Key, list[int]] = defaultdict(list)
        for seq in sorted(told):
            self.seqs[told[seq]].append(seq)
        self.at: dict[int, tuple[Change, int]] = {
            seq: (change, index)
            for key, changes in self.changes.items()
            for index, (change, seq) in enumerate(zip(changes, self.seqs[key], strict=False))
        }
        """The change of a number, and its place among those of its item."""
        self.made: dict[str, tuple[Key, int]] = {
            change.tag: (key, index)
            for key, changes in self.changes.items()
            for index, change in enumerate(changes)
            if change.tag is not None
        }
        """Which change a tag names."""
        self._last_removal = {
            key: max((i for i, change in enumerate(changes) if change.op == "remove"), default=-1)
            for key, changes in self.changes.items()
        }

    def removed_after(self, key: Key, index: int) -> bool:
        """Whether the item was removed after this change of it: then readers may hear of that."""
        return self._last_removal[key] > index
