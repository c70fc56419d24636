"""Signatures: the right key passes, anything else is one clear line."""

import sys
from pathlib import Path
from shutil import copytree

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from blemish.bundle.bundle import Bundle
from blemish.bundle.card import read_card, write_card
from blemish.bundle.files import SIGNATURE
from blemish.bundle.generator import GeneratorBundle
from blemish.bundle.signature import is_signed, refuse_unsigned, sign_bundle
from blemish.core.errors import BundleError, InputError

FIXTURES = Path(__file__).parents[1] / "fixtures"


def written(folder, private):
    folder.mkdir()
    private_pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_pem = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (folder / "private.pem").write_bytes(private_pem)
    (folder / "public.pem").write_bytes(public_pem)
    return folder


@pytest.fixture
def keys(tmp_path):
    return written(tmp_path / "keys", ec.generate_private_key(ec.SECP256R1()))


@pytest.fixture
def signed(both, keys):
    sign_bundle(both, read_card(both), keys / "private.pem")
    return both


def test_a_signed_bundle_loads_and_passes_by_its_key(signed, keys):
    assert is_signed(signed)
    refuse_unsigned(signed, Bundle.open(signed).card, keys / "public.pem")


def test_it_passes_under_another_name_too(signed, keys, tmp_path):
    copy = Path(copytree(signed, tmp_path / "on-the-line"))
    assert is_signed(copy)
    refuse_unsigned(copy, Bundle.open(copy).card, keys / "public.pem")


def test_a_generator_is_signed_alike(tmp_path, keys):
    folder = Path(copytree(FIXTURES / "tiny-generator", tmp_path / "g"))
    assert not is_signed(folder)
    sign_bundle(folder, GeneratorBundle.open(folder).card, keys / "private.pem")
    assert is_signed(folder)
    refuse_unsigned(folder, GeneratorBundle.open(folder).card, keys / "public.pem")


def test_another_key_is_refused(signed, tmp_path):
    other = written(tmp_path / "other", ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(BundleError, match=r"is not this bundle's by the key public\.pem"):
        refuse_unsigned(signed, Bundle.open(signed).card, other / "public.pem")


def test_an_unsigned_bundle_is_refused(both, keys):
    with pytest.raises(BundleError, match="is not signed"):
        refuse_unsigned(both, Bundle.open(both).card, keys / "public.pem")


def test_a_changed_byte_in_the_signature_is_refused(signed, keys):
    data, card = (signed / SIGNATURE).read_bytes(), read_card(signed)
    for place in range(0, len(data), 29):
        changed = bytearray(data)
        changed[place] ^= 1
        (signed / SIGNATURE).write_bytes(bytes(changed))
        with pytest.raises(BundleError, match="is not this bundle's by the key"):
            refuse_unsigned(signed, card, keys / "public.pem")


def test_a_bundle_exported_again_with_the_old_signature_is_refused(signed, keys):
    card = read_card(signed).model_copy(update={"thresholds": {"A": 0.9, "B": 0.9}})
    write_card(signed, card)  # All its hashes are right.
    with pytest.raises(BundleError, match="is not this bundle's by the key"):
        refuse_unsigned(signed, Bundle.open(signed).card, keys / "public.pem")


def test_a_bundle_swapped_after_it_was_opened_is_refused(signed, keys):
    opened = read_card(signed).model_copy(update={"metrics": {"iou": 1.0}})
    with pytest.raises(BundleError, match="was changed while it was read"):
        refuse_unsigned(signed, opened, keys / "public.pem")


def test_signing_twice_is_refused(signed, keys):
    with pytest.raises(BundleError, match="is signed already"):
        sign_bundle(signed, read_card(signed), keys / "private.pem")


def test_a_changed_bundle_is_not_signed(both, keys):
    card = read_card(both)
    (both / "network.bin").write_bytes(b"other")
    with pytest.raises(BundleError, match=r"network\.bin was altered"):
        sign_bundle(both, card, keys / "private.pem")
    assert not is_signed(both)


@pytest.mark.parametrize("kind", ["missing", "no key", "another kind"])
def test_a_key_that_cannot_be_used_is_named(both, tmp_path, kind):
    path = tmp_path / "k" / "private.pem"
    if kind == "another kind":
        written(path.parent, ed25519.Ed25519PrivateKey.generate())
    elif kind == "no key":
        path.parent.mkdir()
        path.write_text("no key")
    with pytest.raises(InputError, match=r"private\.pem must be a private elliptic-curve key in PEM"):
        sign_bundle(both, read_card(both), path)


def test_without_model_signing_the_line_says_what_to_install(both, keys, monkeypatch):
    monkeypatch.setitem(sys.modules, "model_signing", None)
    monkeypatch.setitem(sys.modules, "model_signing.signing", None)
    with pytest.raises(InputError, match=r"install blemish\[sign\]"):
        sign_bundle(both, read_card(both), keys / "private.pem")


def test_a_signature_that_could_not_be_written_leaves_nothing(both, keys, monkeypatch):
    def full(self, folder, signature):
        signature.write_bytes(b"")
        raise OSError(28, "No space left on device", str(signature))

    monkeypatch.setattr("model_signing.signing.Config.sign", full)
    with pytest.raises(OSError, match="No space left"):
        sign_bundle(both, read_card(both), keys / "private.pem")
    assert not is_signed(both)
    assert {path.name for path in both.parent.iterdir()} == {"both", "keys"}
    Bundle.open(both)
