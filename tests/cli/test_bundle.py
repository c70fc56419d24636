"""`blemish bundle`, and `inspect --verify`."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image
from typer.testing import CliRunner

from blemish.cli.main import app

FIXTURES = Path(__file__).parents[1] / "fixtures"


def blemish(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def bundle(tmp_path):
    return Path(copytree(FIXTURES / "tiny-bundle", tmp_path / "inspector"))


@pytest.fixture
def keys(tmp_path):
    private = ec.generate_private_key(ec.SECP384R1())
    plain = serialization.NoEncryption()
    pem = private.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (tmp_path / "private.pem").write_bytes(pem)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "public.pem").write_bytes(pem)
    return tmp_path


def test_check_says_what_an_inspector_is(bundle):
    ended = blemish("bundle", "check", bundle)
    assert ended.exit_code == 0
    for part in ("inspector, threshold", "dark spot, bright spot", "openvino computes in f32", "not signed", "64 px"):
        assert part in ended.stdout
    values = json.loads(blemish("bundle", "check", bundle, "--json").stdout)
    assert (values["card"]["kind"], values["computes_here_in"]) == ("inspector", {"openvino": "f32"})


def test_check_says_what_a_generator_is():
    ended = blemish("bundle", "check", FIXTURES / "tiny-generator")
    assert (ended.exit_code, "generator, " in ended.stdout) == (0, True)


def test_check_refuses_a_changed_bundle_in_one_line(bundle):
    data = bytearray((bundle / "network.bin").read_bytes())
    data[0] ^= 1
    (bundle / "network.bin").write_bytes(bytes(data))
    ended = blemish("bundle", "check", bundle)
    assert (ended.exit_code, ended.stderr.count("\n"), "was altered or damaged" in ended.stderr) == (2, 1, True)


def test_a_bundle_is_signed_and_verified(bundle, keys):
    assert blemish("bundle", "verify", bundle, "--key", keys / "public.pem").exit_code == 2
    assert blemish("bundle", "sign", bundle, "--key", keys / "private.pem").exit_code == 0
    ended = blemish("bundle", "verify", bundle, "--key", keys / "public.pem")
    assert (ended.exit_code, "is what public.pem signed" in ended.stdout) == (0, True)
    assert "signed: `bundle verify` says by whom" in blemish("bundle", "check", bundle).stdout


def test_inspect_refuses_an_unsigned_bundle_where_a_key_is_given(bundle, keys):
    Image.fromarray(np.random.default_rng(0).integers(100, 156, (64, 64), dtype=np.uint8)).save(keys / "part.png")
    ended = blemish("inspect", bundle, keys / "part.png", "--verify", keys / "public.pem")
    assert (ended.exit_code, "is not signed" in ended.stderr) == (2, True)
    blemish("bundle", "sign", bundle, "--key", keys / "private.pem")
    ended = blemish("inspect", bundle, keys / "part.png", "--verify", keys / "public.pem")
    assert ended.exit_code == 0, ended.stderr
