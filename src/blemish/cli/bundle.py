"""`blemish bundle check|sign|verify`: what a bundle is, and whose."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from blemish.cli.console import guarded, show

if TYPE_CHECKING:
    from blemish.bundle.bundle import Bundle
    from blemish.bundle.card import Backend, Precision
    from blemish.bundle.generator import GeneratorBundle

Folder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="Folder of an inspector's or a generator's bundle.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


@guarded
def check(bundle: Folder, as_json: AsJson = False) -> None:
    """Check every hash, load the networks, and say what the bundle is."""
    from blemish.bundle.bundle import Bundle
    from blemish.bundle.signature import is_signed

    opened = _opened(bundle)
    if isinstance(opened, Bundle):
        computes = {name: opened.segmenter(threads=1, backend=name).precision for name in opened.backends}
    else:
        computes = {"openvino": opened.painter(threads=1).precision}
    values = {
        "bundle": str(bundle),
        "hash": opened.hash,
        "signed": is_signed(bundle),
        "computes_here_in": computes,
        "card": opened.card.contents(),
    }
    show(values, "\n".join(_lines(opened, computes, signed=is_signed(bundle))), as_json)


@guarded
def sign(
    bundle: Folder,
    key: Annotated[Path, typer.Option("--key", metavar="PRIVATE_KEY", help="Elliptic-curve key in PEM.")],
    as_json: AsJson = False,
) -> None:
    """Sign a bundle with a private key; needs blemish[sign]."""
    from blemish.bundle.files import SIGNATURE
    from blemish.bundle.signature import sign_bundle

    opened = _opened(bundle)
    sign_bundle(bundle, opened.card, key)
    show({"bundle": str(bundle), "hash": opened.hash, "signed": True}, f"{bundle}: signed, {SIGNATURE}", as_json)


@guarded
def verify(
    bundle: Folder,
    key: Annotated[Path, typer.Option("--key", metavar="PUBLIC_KEY", help="The public half, in PEM.")],
    as_json: AsJson = False,
) -> None:
    """Refuse a bundle that the owner of a key did not sign; needs blemish[sign]."""
    from blemish.bundle.signature import refuse_unsigned

    opened = _opened(bundle)
    refuse_unsigned(bundle, opened.card, key)
    text = f"{bundle}: bundle {opened.hash[:12]} is what {key.name} signed"
    show({"bundle": str(bundle), "hash": opened.hash, "verified": True}, text, as_json)


def _opened(folder: Path) -> Bundle | GeneratorBundle:
    from blemish.bundle.bundle import Bundle
    from blemish.bundle.generator import GeneratorBundle, is_generator_bundle

    return GeneratorBundle.open(folder) if is_generator_bundle(folder) else Bundle.open(folder)


def _lines(opened: Bundle | GeneratorBundle, computes: Mapping[Backend, Precision], *, signed: bool) -> list[str]:
    from blemish.bundle.bundle import Bundle

    card = opened.card
    lines = [
        f"{opened.folder}: {card.kind}, {card.architecture}, bundle {opened.hash[:12]}, all files as its card says",
        f"classes: {', '.join(card.taxonomy.defect_names)}",
        f"precision {card.precision}; on this machine "
        + ", ".join(f"{a} computes in {b}" for a, b in computes.items()),
        f"files: {', '.join(sorted(card.files))}",
        "signed: `bundle verify` says by whom" if signed else "not signed",
    ]
    return lines + _inspector_lines(opened) if isinstance(opened, Bundle) else lines


def _inspector_lines(opened: Bundle) -> list[str]:
    from blemish.cli.segment_export import validation_lines

    card = opened.card
    lines = [f"tiles of {card.tile_px} px, overlap {card.overlap_px}, {'gray' if card.channels == 1 else 'RGB'}"]
    if card.calibration:
        lines.append(f"int8 ranges from {card.calibration}")
    if card.onnx_opset:
        lines.append(f"ONNX opset {card.onnx_opset}")
    return lines + (validation_lines(card.validation) if card.validation else ["never judged on a validation set"])
