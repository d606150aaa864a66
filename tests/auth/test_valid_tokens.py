"""What the sidecar reads from valid tokens, and with which keys it verifies them."""

from __future__ import annotations

import json
import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from signaling_sidecar.auth import Claims, InvalidToken, Verifier, verifier
from signaling_sidecar.errors import SettingsError
from signaling_sidecar.settings import Settings
from tests.kit.tokens import NOW_S, SECRET, claims, ec_jwk, ec_key, es256, hs256, pem, rs256, rsa_jwk, rsa_key

A_MINUTE_LATER_S = NOW_S + 60


def made(**settings: Any) -> Verifier:
    found = verifier(Settings(**settings))
    assert found is not None
    return found


def by_jwt(algorithm: str = "HS256", **more: Any) -> Verifier:
    return made(auth="jwt", jwt_algorithm=algorithm, jwt_audience="signaling", **more)


def test_no_token_is_verified_by_default() -> None:
    assert verifier(Settings()) is None


def test_a_token_without_further_claims_may_create_and_join_every_room_as_anybody() -> None:
    found = by_jwt(jwt_secret=SECRET).verify(hs256(), NOW_S)
    assert found == Claims(
        subject="ann",
        scopes=frozenset({"create", "join"}),
        expires_at_s=A_MINUTE_LATER_S,
        all={"sub": "ann", "aud": "signaling", "exp": A_MINUTE_LATER_S},
    )


def test_a_token_can_be_bound_to_rooms_a_peer_and_scopes() -> None:
    everything = claims(
        aud=["another", "signaling"],
        room=["bar", "pub"],
        peer="ann-1",
        scope="join openid admin",
        jti="t1",
        iat=NOW_S,
        nbf=NOW_S,
        team="red",
    )
    found = by_jwt(jwt_secret=SECRET).verify(hs256(everything), NOW_S)
    assert (found.rooms, found.peer, found.scopes) == ({"bar", "pub"}, "ann-1", {"join", "admin"})
    assert (found.token_id, found.issued_at_s, found.all["team"]) == ("t1", NOW_S, "red")


@pytest.mark.parametrize(
    ("given", "scopes"),
    [
        ({"scope": "join"}, {"join"}),
        ({"scope": ""}, set()),
        ({"scope": "openid profile"}, set()),
        ({"scopes": ["create", "join"]}, {"create", "join"}),
        ({"scope": "join", "scopes": ["admin"]}, {"join", "admin"}),
    ],
)
def test_scopes_are_a_text_as_in_rfc_8693_or_a_list(given: dict[str, Any], scopes: set[str]) -> None:
    assert by_jwt(jwt_secret=SECRET).verify(hs256(claims(**given)), NOW_S).scopes == scopes


def test_one_room_can_be_a_text_and_an_empty_list_is_no_room() -> None:
    by = by_jwt(jwt_secret=SECRET)
    assert by.verify(hs256(claims(room="bar")), NOW_S).rooms == {"bar"}
    assert by.verify(hs256(claims(room=[])), NOW_S).rooms == frozenset()


def test_clocks_may_differ_by_ten_seconds() -> None:
    by = by_jwt(jwt_secret=SECRET)
    for just_valid in (claims(exp=NOW_S - 9), claims(nbf=NOW_S + 10), claims(iat=NOW_S + 10)):
        assert by.verify(hs256(just_valid), NOW_S).subject == "ann"


def test_the_claims_that_hooks_see_cannot_be_changed() -> None:
    found = by_jwt(jwt_secret=SECRET).verify(hs256(), NOW_S)
    with pytest.raises(TypeError):
        found.all["sub"] = "admin"  # type: ignore[index]


# --- keys ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("algorithm", "token", "key"),
    [
        ("RS256", rs256, pem(rsa_key())),
        ("ES256", es256, pem(ec_key())),
        ("RS256", rs256, {"keys": [rsa_jwk()]}),
        ("ES256", es256, {"keys": [rsa_jwk(kid="any"), ec_jwk()]}),
    ],
)
def test_the_only_key_is_for_any_key_id_if_it_has_none(
    tmp_path: Path, algorithm: str, token: Any, key: bytes | dict[str, Any]
) -> None:
    path = written(tmp_path, key)
    for header in ({"alg": algorithm}, {"alg": algorithm, "kid": "any"}):
        assert by_jwt(algorithm, jwt_key_file=path).verify(token(header=header), NOW_S).subject == "ann"


def test_a_jwks_file_may_have_keys_of_other_kinds(tmp_path: Path) -> None:
    keys = [
        rsa_jwk(kid="one", alg="RS256", use="sig"),
        ec_jwk(kid="two"),
        {"kty": "oct", "k": "c2VjcmV0", "kid": "three"},
        {"kty": "OKP", "crv": "X9", "kid": "four"},
        {"kty": "oct", "kid": "six"},
        rsa_jwk(kid="five", use="enc"),
        {},
    ]
    by_rsa, by_ec = (by_jwt(alg, jwt_key_file=written(tmp_path, {"keys": keys})) for alg in ("RS256", "ES256"))
    assert by_rsa.verify(rs256(header={"alg": "RS256", "kid": "one"}), NOW_S).subject == "ann"
    assert by_rsa.verify(rs256(), NOW_S).subject == "ann"  # needs no `kid`, because only one key is for RS256
    assert by_ec.verify(es256(header={"alg": "ES256", "kid": "two"}), NOW_S).subject == "ann"


def test_a_key_file_is_read_again_when_it_changes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = written(tmp_path, {"keys": [rsa_jwk(kid="old")]})
    by = by_jwt("RS256", jwt_key_file=path)
    old, new = (rs256(header={"alg": "RS256", "kid": kid}) for kid in ("old", "new"))
    assert by.verify(old, NOW_S).subject == "ann"
    written(tmp_path, {"keys": [rsa_jwk(kid="new")]})
    assert by.verify(new, NOW_S).subject == "ann"
    with pytest.raises(InvalidToken):
        by.verify(old, NOW_S)
    assert f"the key in {path} has changed" in caplog.text


@pytest.mark.parametrize("breaks", [lambda path: path.write_text("{"), Path.unlink])
def test_the_previous_keys_stay_in_use_while_a_key_file_is_broken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, breaks: Any
) -> None:
    path = written(tmp_path, pem(rsa_key()))
    by = by_jwt("RS256", jwt_key_file=path)
    breaks(path)
    for _ in range(3):
        assert by.verify(rs256(), NOW_S).subject == "ann"
    (report,) = caplog.messages
    assert report.startswith("jwt_key_file must be a ")
    assert report.endswith("the previous key stays in use")
    written(tmp_path, pem(ec_key()))
    assert by.verify(rs256(), NOW_S).subject == "ann"
    assert len(caplog.messages) == 2


@pytest.mark.parametrize(
    ("algorithm", "content", "expected"),
    [
        ("RS256", b"", "a key for RS256"),
        ("RS256", b"ssh-rsa AAAA", "a key for RS256"),
        ("RS256", pem(ec_key()), "a key for RS256 (which is an RSA key), not "),
        ("ES256", pem(rsa_key()), "a key for ES256 (which is a key of the elliptic curve P-256), not "),
        ("RS256", pem(rsa_key(1024)), "a longer key (The RSA key is 1024 bits long"),
        ("RS256", b"{", "a JWKS file"),
        ("RS256", {"keys": []}, "a JWKS file with a public key for RS256"),
        ("RS256", {"keys": [ec_jwk()]}, "a JWKS file with a public key for RS256"),
        ("RS256", {"keys": [{**rsa_jwk(), "kid": 7}]}, "a JWKS file with a public key for RS256"),
        ("RS256", {"keys": 7}, "a JWKS file"),
        ("HS256", b"short", "a text of at least 32 characters"),
        ("HS256", b"\xff" * 40, "a text in UTF-8"),
        ("HS256", pem(rsa_key()), "a key for HS256 (The specified key is an asymmetric key"),
        ("RS256", b"x" * 2_000_000, "a file of at most 1048576 bytes"),
    ],
)
def test_a_file_with_no_usable_key_is_refused(tmp_path: Path, algorithm: str, content: Any, expected: str) -> None:
    with pytest.raises(SettingsError) as caught:
        by_jwt(algorithm, jwt_key_file=written(tmp_path, content))
    assert str(caught.value).startswith(f"jwt_key_file must be {expected}")


def test_a_private_key_is_refused_because_only_the_issuer_may_have_it(tmp_path: Path) -> None:
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    private = ec_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(SettingsError, match="it contains a private key"):
        by_jwt("ES256", jwt_key_file=written(tmp_path, private))


def test_a_key_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"a readable file \(No such file or directory\)"):
        by_jwt("RS256", jwt_key_file=tmp_path / "none")
    with pytest.raises(SettingsError, match="must be a regular file"):
        by_jwt("RS256", jwt_key_file=tmp_path)
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(SettingsError, match="must be a regular file"):
        by_jwt("RS256", jwt_key_file=tmp_path / "fifo")


# --- the shared secret -----------------------------------------------------------------------------------------------


def test_the_shared_secret_may_create_and_join_every_room_but_not_administer() -> None:
    assert made(auth="token", auth_token="s" * 32).verify("s" * 32, NOW_S) == Claims(
        scopes=frozenset({"create", "join"})
    )


@pytest.mark.parametrize("token", ["", "s", "s" * 31, "s" * 33, "S" * 32, "s" * 32 + "\n", "ß" * 32, "\udcff" * 32])
def test_anything_else_than_the_shared_secret_is_refused(token: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        made(auth="token", auth_token="s" * 32).verify(token, NOW_S)
    assert (caught.value.why, str(caught.value)) == ("wrong-secret", "the token is not valid")


def test_the_shared_secret_is_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """If a comparison stopped at the first difference, its duration would show how much of a guess is right."""
    compared = []
    monkeypatch.setattr("hmac.compare_digest", lambda a, b: compared.append((len(a), len(b))) or a == b)
    by = made(auth="token", auth_token="s" * 32)
    for token in ("s" * 32, "", "x" * 5000):
        with suppress(InvalidToken):
            by.verify(token, NOW_S)
    assert compared == [(32, 32)] * 3


def test_the_shared_secret_can_be_in_a_file_that_only_its_owner_should_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path, b"s" * 32 + b"\r\n")
    path.chmod(0o644)
    by = made(auth="token", auth_token_file=path)
    assert caplog.messages == [f"every user of this machine can read the secret in {path}: run `chmod 600 {path}`"]
    assert by.verify("s" * 32, NOW_S)
    written(tmp_path, b"t" * 33)
    assert by.verify("t" * 33, NOW_S)
    path.chmod(0o600)
    caplog.clear()
    assert made(auth="token", auth_token_file=path)
    assert caplog.messages == []
    for bad in (b"", b"short", b"s" * 20 + b" " + b"s" * 20, "ä".encode() * 40):
        with pytest.raises(SettingsError, match="auth_token_file must be at least 32 of the characters"):
            made(auth="token", auth_token_file=written(tmp_path, bad))


def written(folder: Path, content: bytes | dict[str, Any]) -> Path:
    path = folder / "key"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path
