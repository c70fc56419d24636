"""What pairing finds: the pictures and masks that belong together."""

from __future__ import annotations

from dataclasses import dataclass

from blemish.data.readers.listing import Entry


@dataclass(frozen=True)
class Pair:
    """Pictures and masks that belong together; one of each is as it should be, or several parts of one mask."""

    pictures: tuple[Entry, ...]
    masks: tuple[Entry, ...]
    folders: tuple[str, ...]  # Of the picture, without the folder that says picture or mask.
    role: str  # That folder of the picture; "" = the files lie side by side, or the mask in a folder inside.
    parts: bool = False  # Several masks are parts of one: they are laid together.

    @property
    def is_sound(self) -> bool:
        """One picture, and one mask or the parts of one."""
        return len(self.pictures) == 1 and (len(self.masks) == 1 or (self.parts and bool(self.masks)))


@dataclass(frozen=True)
class Pairing:
    """How the files of a folder pair up."""

    depth: int | None  # Folder depth that says picture or mask; None = side by side.
    addition: str  # "*_mask" or "mask_*"; "" = equal names, or one of two for another.
    pairs: tuple[Pair, ...]
    inside: bool = False  # The masks' folders lie inside those of the pictures.

    @property
    def confidence(self) -> float:
        """Of a format that knows the set by this: a folder inside may be of overlays or thumbnails."""
        return 0.7 if self.inside else 0.8

    @property
    def notes(self) -> tuple[str, ...]:
        """A warning where masks are laid together: what tells them apart may be a class."""
        joined = [pair for pair in self.pairs if pair.is_sound and len(pair.masks) > 1]
        if not joined:
            return ()
        names = " and ".join(mask.relative for mask in joined[0].masks[:2])
        return (
            f"pictures with several masks, told apart by a number: {len(joined)}, the first with {names}; they are "
            f"laid together as one; where the number names a class, give one index mask a picture",
        )

    @property
    def masks(self) -> list[Entry]:
        return [mask for pair in self.pairs for mask in pair.masks]
