"""Signed bundles: one file, `bundle.sig`, by which a line knows who exported what it runs.

By OpenSSF's model-signing with a key pair of the user's own: nothing goes over the network. It signs the card and every
file, and its own command line reads it too. Needs blemish[sign].
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from blemish.bundle.card import CARD, MOST_CARD_BYTES, Card, read_card_of
from blemish.bundle.files import MOST_FILE_BYTES, SIGNATURE, checked_files, first_line
from blemish.bundle.generator_card import GeneratorCard
from blemish.bundle.reading import read_plain
from blemish.core.errors import BundleError, InputError

MOST_SIGNATURE_BYTES = 1_000_000


def is_signed(folder: Path) -> bool:
    """Whether a bundle has a signature; by whose key, and whether it is right, is another question."""
    return os.path.lexists(folder / SIGNATURE)


def sign_bundle(folder: Path, card: Card | GeneratorCard, private_key: Path) -> None:
    """Sign a bundle with an elliptic-curve key (PEM, P-256, P-384 or P-521, no password).

    Raises:
        BundleError: it is signed already, or was changed.
        InputError: the key cannot be used, or model-signing is not installed.
    """
    if is_signed(folder):
        raise BundleError(f"{folder} is signed already ({SIGNATURE}): take that file out to sign it anew")
    signer = _signer(private_key)
    checked_files(folder, card.files, needed=())
    unfinished = folder.with_name(f".{folder.name}.{SIGNATURE}.part")  # Not inside: nothing unlisted may lie there.
    try:
        signer.set_hashing_config(_hashing()).sign(folder, unfinished)
        unfinished.replace(folder / SIGNATURE)
    finally:
        unfinished.unlink(missing_ok=True)


def refuse_unsigned(folder: Path, card: Card | GeneratorCard, public_key: Path) -> None:
    """Make sure that a bundle is what the owner of a key signed.

    What is verified is a copy of the files, and the copy must be the bundle whose card is given: so nothing can be
    put in between.

    Raises:
        BundleError: not signed, signed with another key, or not what was signed.
        InputError: the key cannot be used, or model-signing is not installed.
    """
    verifier = _verifier(public_key)
    if not is_signed(folder):
        raise BundleError(f"{folder} is not signed: sign it with `bundle sign`, or leave --verify out")
    with TemporaryDirectory(prefix="blemish-verify-") as work:
        copy = Path(work)
        for name, most in {CARD: MOST_CARD_BYTES, SIGNATURE: MOST_SIGNATURE_BYTES}.items():
            (copy / name).write_bytes(_read(folder / name, most))
        for name in card.files:
            (copy / name).write_bytes(_read(folder / name, MOST_FILE_BYTES))
        if read_card_of(type(card), copy).hash != card.hash:
            raise BundleError(f"{folder} was changed while it was read: try again")
        try:
            verifier.verify(copy, copy / SIGNATURE)
        except Exception as error:  # Its errors come from several libraries and share no base.
            raise BundleError(
                f"{folder}: {SIGNATURE} is not this bundle's by the key {public_key.name} ({first_line(error)}): "
                f"take the bundle from where it was exported"
            ) from error


def refuse_bad_key(private_key: Path) -> None:
    """Before long work that ends in signing.

    Raises:
        InputError: the key cannot be used, or model-signing is not installed.
    """
    _signer(private_key)


def _signer(key: Path) -> Any:
    config = _library("signing").Config()
    return _with_key(lambda: config.use_elliptic_key_signer(private_key=key), key, "private")


def _verifier(key: Path) -> Any:
    config = _library("verifying").Config()
    return _with_key(
        lambda: config.use_elliptic_key_verifier(public_key=key).set_hashing_config(_hashing()), key, "public"
    )


def _with_key(use: Callable[[], Any], key: Path, kind: str) -> Any:
    try:
        return use()
    except Exception as error:  # As above.
        raise InputError(
            f"{key} must be a {kind} elliptic-curve key in PEM (P-256, P-384 or P-521, no password): "
            f"{first_line(error)}"
        ) from error


def _hashing() -> Any:
    return _library("hashing").Config().set_ignored_paths(paths=[SIGNATURE], ignore_git_paths=False)


def _library(part: str) -> ModuleType:
    try:
        return import_module(f"model_signing.{part}")
    except ImportError as error:
        raise InputError(f"signing needs model-signing ({error}): install blemish[sign]") from error


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        return read_plain(path, most_bytes)
    except OSError as error:
        raise BundleError(f"cannot read {path} ({error.strerror or error}): copy or export the bundle again") from error
