"""An evaluation on disk: `evaluation.json`, `sheets/<class>.png`, `index.html`; and as text for people."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from blemish.core.arrays import UInt8
from blemish.core.protocols import Generator
from blemish.gan.evaluation import Evaluation, Material
from blemish.gan.evaluation_figures import Redraw, clean_background, defect_redrawn, label_drawn, nearest_pairs
from blemish.gan.sheets import class_sheets
from blemish.picture.write import write_bytes, write_png
from blemish.report.embed import jpeg_uri
from blemish.report.synthesis import Figure, SynthesisPage, rows_of, write_page

JSON = "evaluation.json"
SHEETS = "sheets"
_FOUND_IOU = 0.3  # A class that the segmenter finds less of in real tiles says nothing of synthetic ones.
_EASIER_IOU = 0.3  # So far above that of real tiles, synthetic ones are far easier.


def write_evaluation(
    folder: Path,
    evaluation: Evaluation,
    material: Material,
    facts: Mapping[str, str],
    *,
    made_by: Mapping[str, Any] | None = None,
    generator: Generator | None = None,
    redraw: Redraw | None = None,
) -> Path:
    """Write figures, sheets and report, and return the report's path.

    Args:
        facts: what stands in the report's last section.
        made_by: command, commit, machine and seeds, at the head of the JSON; None = nothing.
        generator: for one label drawn 16 times; None = that figure is left out.
        redraw: for one defect drawn again; None = that figure is left out.
    """
    seed = evaluation.figures["settings"]["seed"]
    beneath = clean_background(material, seed)
    nearest = nearest_pairs(evaluation, material)
    page = SynthesisPage(
        title=f"Synthetic tiles of {material.synthetic.folder.name}",
        taxonomy=material.real.taxonomy,
        figures=evaluation.figures,
        sheets=_sheets(folder / SHEETS, evaluation, material, seed),
        drawn=[
            Figure(
                f"{each.name}: one label drawn 16 times",
                jpeg_uri(each.picture),
                f"The label first. Inside the mask {each.apart:.1f} gray levels apart on average.",
            )
            for each in (label_drawn(generator, material, beneath) if generator is not None else [])
        ],
        redrawn=[
            Figure(
                f"{each.name}: one defect drawn again",
                jpeg_uri(each.picture),
                f"The label first. Inside the mask {each.apart:.1f} gray levels from the first on average; away from "
                f"it at most {each.most_elsewhere}.",
            )
            for each in (defect_redrawn(redraw, material, beneath) if redraw is not None else [])
        ],
        distances=(evaluation.copies.synthetic, evaluation.copies.held_out),
        pairs=None
        if nearest is None
        else Figure(
            "The synthetic crops nearest to a training crop (above), and that training crop (below)", jpeg_uri(nearest)
        ),
        facts=facts,
        unlike_real=unlike_real(consistency) if (consistency := evaluation.figures["mask_consistency"]) else (),
    )
    text = json.dumps({**(made_by or {}), **evaluation.figures, "facts": dict(facts)}, indent=2, allow_nan=False) + "\n"
    write_bytes(folder / JSON, text.encode())
    return write_page(page, folder)


def to_text(figures: Mapping[str, Any]) -> str:
    """A table for people; the JSON and the report hold the rest."""
    kid, frechet = figures["names"]["kid"], figures["names"]["frechet"]
    lines = [
        f"kid: {kid}; frechet: {frechet}; 0 is best. told: accuracy of a real-or-synthetic classifier, 0.5 is best"
    ]
    for scope in ("crops", "tiles"):
        lines.append("")
        head = f"{scope:<20}{'against':<10}{'real':>6}{'synth':>7}{'kid':>18}{'floor':>8}{'frechet':>9}{'inf':>8}"
        lines.append(head + f"{'prec':>7}{'recall':>8}{'told':>7}")
        lines += [_line(*row) for row in rows_of(figures, scope)]
    return "\n".join([*lines, "", *_more(figures)])


def _line(what: str, against: str, row: Mapping[str, Any]) -> str:
    start = f"{what:<20}{against:<10}{row['real']:>6}{row['synthetic']:>7}"
    if not row["synthetic"]:
        return f"{start}  no synthetic ones"
    if row.get("pooled"):
        return f"{start}  pooled: fewer than wanted, see all classes"
    if row["kid"]["mean"] is None:
        return f"{start}  {row.get('note') or 'too few to compare'}"
    kid = f"{row['kid']['mean']:.4f} ± {row['kid']['std']:.4f}"
    parts = [f"{kid:>18}", _cell(row["kid_floor"]["mean"], 8, 4), _cell(row["frechet"], 9, 1)]
    parts += [_cell(row["frechet_infinity"], 8, 1), _cell(row["precision"], 7, 2), _cell(row["recall"], 8, 2)]
    return start + "".join(parts) + _cell(row["classifier"]["accuracy"], 7, 2)


def _more(figures: Mapping[str, Any]) -> list[str]:
    copies, change = figures["memorisation"], figures["change"]
    lines = [
        f"copies: {_cell(copies['share'], 0, 3)} of the synthetic crops (by chance {_cell(copies['expected'], 0, 3)}, "
        f"seldom over {_cell(copies['most_by_chance'], 0, 3)})"
    ]
    lines.append("diversity inside masks, synthetic / real:")
    lines += [
        f"  {name:<18}{_cell(row['synthetic'], 8, 2)} /{_cell(row['real'], 8, 2)}"
        for name, row in figures["diversity"].items()
    ]
    if change is not None:
        lines.append(
            f"change in gray levels, {change['tiles']} tiles: inside {_cell(change['inside'], 0, 2)}, ring of "
            f"{change['ring_px']} px {_cell(change['ring'], 0, 2)}, beyond {_cell(change['beyond'], 0, 2)}, at most "
            f"{change['most_beyond']}"
        )
    if figures["mask_consistency"] is not None:
        both = figures["mask_consistency"]
        lines.append(
            f"mask consistency (mean IoU): synthetic {_cell(both['synthetic']['mean'], 0, 3)}, real held-out "
            f"{_cell(both['held_out']['mean'], 0, 3)}"
        )
        lines += unlike_real(both)
    if figures["likeness"] is not None:
        near = figures["likeness"]
        lines.append(f"same label: PSNR {_cell(near['psnr_db'], 0, 1)} dB, SSIM {_cell(near['ssim'], 0, 3)}")
    if figures["doubt"] is not None:
        lines.append(f"beware: {figures['doubt']}")
    return lines


def unlike_real(consistency: Mapping[str, Any]) -> list[str]:
    """Which classes a segmenter of real tiles takes for something else than the real ones, and what to do about it.

    Args:
        consistency: `mask_consistency` of an evaluation.

    Example:
        >>> iou = {"dent": 0.8, "chip": 0.4, "dot": 0.1, "line": 0.5}
        >>> made = {"dent": 0.7, "chip": 0.1, "dot": 0.9, "line": None}
        >>> for line in unlike_real({"held_out": {"iou": iou}, "synthetic": {"iou": made}}): print(line)
        hardly found in synthetic tiles: chip 0.10 (real 0.40); gan generate --leave-out chip makes none
        far easier than real ones: dot 0.90 (real 0.10); they teach little of the hard ones
    """
    real, made = consistency["held_out"]["iou"], consistency["synthetic"]["iou"]
    both = {name: (made[name], real[name]) for name in made if made[name] is not None and real.get(name) is not None}
    hard = {name: pair for name, pair in both.items() if pair[1] >= _FOUND_IOU and pair[0] < pair[1] / 2}
    easy = {name: pair for name, pair in both.items() if pair[0] > pair[1] + _EASIER_IOU}
    lines = []
    if hard:
        lines.append(
            f"hardly found in synthetic tiles: {_pairs(hard)}; gan generate --leave-out {','.join(hard)} makes none"
        )
    if easy:
        lines.append(f"far easier than real ones: {_pairs(easy)}; they teach little of the hard ones")
    return lines


def _pairs(named: Mapping[str, tuple[float, float]]) -> str:
    return ", ".join(f"{name} {made:.2f} (real {real:.2f})" for name, (made, real) in named.items())


def _cell(value: float | None, width: int, digits: int) -> str:
    return f"{'-' if value is None else f'{value:.{digits}f}':>{width}}"


def _sheets(folder: Path, evaluation: Evaluation, material: Material, seed: int) -> list[Figure]:
    """Write a sheet for each class, and the same with outlines; held-out and train defects stand for the real ones."""
    records = [*material.held_out, *material.training]
    shutil.rmtree(folder, ignore_errors=True)  # Of an earlier evaluation.
    captions = [_told(evaluation, name) for name in material.real.taxonomy.defect_names]
    plain = class_sheets(material.real, records, material.synthetic, seed=seed, captions=captions)
    lined = class_sheets(material.real, records, material.synthetic, seed=seed, outlined=True)
    found = []
    for name, picture in plain.items():
        file = name.replace("/", "_").replace(" ", "-")
        write_png(folder / f"{file}.png", _thinner(picture))
        write_png(folder / f"{file}-outlined.png", lined[name])
        index = material.real.taxonomy.defect_names.index(name)
        found.append(Figure(name, jpeg_uri(picture, quality=88), captions[index], jpeg_uri(lined[name])))
    return found


def _told(evaluation: Evaluation, name: str) -> str:
    """The classifier's accuracy for a class: against held-out crops, else (and said) train ones."""
    both = evaluation.figures["crops"]["classes"][name]
    for side, row in (("held-out", both["held_out"]), ("train", both["train"])):
        accuracy = row.get("classifier", {}).get("accuracy")
        if accuracy is not None:
            return f"told from {side} crops: {accuracy:.0%}, 50 % is best"
    return "too few to say whether they can be told apart"


def _thinner(picture: UInt8) -> UInt8:
    """One plane where all three are equal: a third of the bytes."""
    is_gray = np.array_equal(picture[:, :, 0], picture[:, :, 1]) and np.array_equal(picture[:, :, 0], picture[:, :, 2])
    return picture[:, :, 0] if is_gray else picture
