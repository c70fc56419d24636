"""Label files that no reader reads, known by what stands in them: what to do about each."""

from __future__ import annotations

from blemish.data.readers.listing import Entry, Listing

_KNOWN: tuple[tuple[str, str, str], ...] = (  # Extension, what stands in the file, what to do.
    (".xml", "<bndbox>", "has boxes and no outlines: a box does not say which pixels are the defect, draw outlines"),
    (".xml", "<annotations>", "looks like CVAT's: export the task from there as COCO"),
    (".json", "_via_", "looks like the VGG Image Annotator's: export from there as COCO"),
    (".json", "region_attributes", "looks like the VGG Image Annotator's: export from there as COCO"),
    (".csv", "region_attributes", "looks like the VGG Image Annotator's: export from there as COCO"),
    (
        ".json",
        "brushlabels",
        "looks like Label Studio's: export from there as PNG, and name each mask like its picture",
    ),
    (".json", "polygonlabels", "looks like Label Studio's: export from there as COCO"),
    (".mat", "", "is MATLAB's: save its masks as PNG files named like their pictures"),
    (".npy", "", "is NumPy's: save its masks as PNG files named like their pictures"),
)
_BYTES = 1 << 16


def way_out(listing: Listing) -> str:
    """What is known of the first such file in a folder, and what to do; empty where there is none."""
    for extension, mark, advice in _KNOWN:
        for entry in listing.with_extension(extension)[:1]:
            if mark in _start(listing, entry):
                return f"{entry.relative} {advice}"
    return ""


def _start(listing: Listing, entry: Entry) -> str:
    try:
        with listing.path(entry).open("rb") as file:
            return file.read(_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
