"""Attackers send forged tokens, or tokens of the issuer that are not valid at this sidecar."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signaling_sidecar.auth import InvalidToken, Verifier, verifier
from signaling_sidecar.settings import Settings
from tests.kit.any_json import ANYTHING
from tests.kit.tokens import (
    NOW_S,
    SECRET,
    VALID,
    base64url,
    claims,
    ec_jwk,
    ec_key,
    es256,
    hs256,
    pem,
    rs256,
    rsa_jwk,
    rsa_key,
    unsigned,
)


def by_secret(**more: Any) -> Verifier:
    return made(Settings(auth="jwt", jwt_algorithm="HS256", jwt_secret=SECRET, jwt_audience="signaling", **more))


def by_key_file(path: Path, content: bytes | dict[str, Any], algorithm: str = "RS256") -> Verifier:
    path /= "key"
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return made(Settings(auth="jwt", jwt_algorithm=algorithm, jwt_key_file=path, jwt_audience="signaling"))


def made(settings: Settings) -> Verifier:
    found = verifier(settings)
    assert found is not None
    return found


def refusal(by: Verifier, token: str, now_s: float = NOW_S) -> str:
    with pytest.raises(InvalidToken) as caught:
        by.verify(token, now_s)
    return str(caught.value.why)


# --- the signature ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", "", "none ", "hs256", "HS384", "HS512", "RS256", "x"])
def test_a_token_cannot_choose_another_algorithm(alg: str) -> None:
    header = {"alg": alg, "typ": "JWT"}
    assert refusal(by_secret(), unsigned(alg)) == "algorithm"
    assert refusal(by_secret(), hs256(header=header)) == "algorithm"


@pytest.mark.parametrize("alg", [None, ["HS256"], ["none", "HS256"], {"HS256": 1}, 256, True])
def test_the_algorithm_of_a_token_must_be_a_name(alg: Any) -> None:
    assert refusal(by_secret(), hs256(header={"alg": alg})) == "algorithm"


def test_a_token_without_an_algorithm_is_refused() -> None:
    assert refusal(by_secret(), hs256(header={"typ": "JWT"})) == "algorithm"


def test_the_public_key_is_not_taken_for_a_secret(tmp_path: Path) -> None:
    """Key confusion: an attacker signs with HS256, and uses as the secret the public key, which everybody may know."""
    public = pem(rsa_key())
    by = by_key_file(tmp_path, public)
    for secret in (public, public.strip(), public.replace(b"\n", b"\r\n")):
        assert refusal(by, hs256(secret=secret)) == "algorithm"
        assert refusal(by, hs256(header={"alg": "RS256"}, secret=secret)) == "signature"


def test_another_algorithm_of_the_same_key_is_refused(tmp_path: Path) -> None:
    by = by_key_file(tmp_path, pem(rsa_key()))
    for alg in ("RS384", "RS512", "PS256"):
        assert refusal(by, rs256(header={"alg": alg})) == "algorithm"


def test_a_valid_signature_of_another_key_is_refused(tmp_path: Path) -> None:
    assert refusal(by_secret(), hs256(secret="another secret that is long enough too")) == "signature"
    assert refusal(by_secret(), hs256(secret=b"")) == "signature"
    assert refusal(by_key_file(tmp_path, pem(ec_key()), "ES256"), es256(header={"alg": "ES256"})[:-4] + "AAAA") == (
        "signature"
    )


def test_an_ecdsa_signature_of_zeros_is_refused(tmp_path: Path) -> None:
    """CVE-2022-21449, "psychic signatures": a verifier that does not check the ranges of r and s accepts zeros."""
    by = by_key_file(tmp_path, pem(ec_key()), "ES256")
    signed = es256().rpartition(".")[0]
    for length in (0, 1, 63, 64, 65, 128):
        assert refusal(by, f"{signed}.{base64url(bytes(length))}") == "signature"


def test_claims_that_were_changed_after_signing_are_refused() -> None:
    header, _, signature = hs256().split(".")
    assert refusal(by_secret(), f"{header}.{base64url(json.dumps(claims(sub='admin')).encode())}.{signature}") == (
        "signature"
    )


def test_the_claims_are_not_looked_at_before_the_signature() -> None:
    forged = {"secret": "a secret that somebody has guessed wrongly"}
    assert refusal(by_secret(), hs256(claims(exp=1), **forged)) == "signature"
    assert refusal(by_secret(), hs256("[" * 1000, **forged)) == "signature"


# --- the header ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kid", ["../../../dev/null", "/dev/null", "key", "unknown", "' UNION SELECT 'x", "", "two", 1, None, ["one"], {}]
)
def test_a_key_id_only_chooses_among_the_keys_of_the_settings(tmp_path: Path, kid: Any) -> None:
    by = by_key_file(tmp_path, {"keys": [rsa_jwk(kid="one"), ec_jwk(kid="two"), rsa_jwk(kid="three")]})
    assert by.verify(rs256(header={"alg": "RS256", "kid": "one"}), NOW_S).subject == "ann"
    assert refusal(by, rs256(header={"alg": "RS256", "kid": kid})) in ("unknown-key", "malformed")
    # If the sidecar read the key from the path in `kid`, /dev/null would be an empty secret, which an attacker can use.
    assert refusal(by, hs256(header={"alg": "RS256", "kid": kid}, secret=b"")) in ("unknown-key", "malformed")


def test_keys_and_addresses_in_the_header_are_ignored(tmp_path: Path) -> None:
    """An attacker can write a key of his own into the header, so a key there proves nothing."""
    own = {"jwk": rsa_jwk(), "jku": "http://127.0.0.1:9/jwks", "x5u": "http://127.0.0.1:9/x5u", "x5c": ["MIIB"]}
    by = by_key_file(tmp_path, {"keys": [rsa_jwk(kid="one", n=base64url(b"\xc1" + bytes(254) + b"\x01"))]})
    assert refusal(by, rs256(header={"alg": "RS256", "kid": "one", **own})) == "signature"
    assert by_secret().verify(hs256(header={"alg": "HS256", **own}), NOW_S).subject == "ann"


@pytest.mark.parametrize("header", [{"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": ["b64"], "b64": False}])
def test_a_header_that_must_be_understood_and_is_not_is_refused(header: dict[str, Any]) -> None:
    assert refusal(by_secret(), hs256(header={"alg": "HS256", **header})) == "malformed"


# --- the claims ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"exp": NOW_S - 10}, "expired"),
        ({"exp": 0}, "expired"),
        ({"exp": -1e300}, "expired"),
        ({"nbf": NOW_S + 11}, "not-yet-valid"),
        ({"iat": NOW_S + 11}, "not-yet-valid"),
        ({"aud": "another"}, "audience"),
        ({"aud": ["another", "signaling.example"]}, "audience"),
        ({"aud": []}, "audience"),
        ({"aud": ""}, "audience"),
        ({"aud": "SIGNALING"}, "audience"),
        ({"aud": {"signaling": 1}}, "bad-claim"),
        ({"aud": [["signaling"]]}, "bad-claim"),
        ({"aud": None}, "missing-claim"),
        ({"exp": None}, "missing-claim"),
        ({"sub": None}, "missing-claim"),
        ({"sub": ""}, "bad-claim"),
        ({"sub": 7}, "bad-claim"),
        ({"sub": "half of a pair: \ud800"}, "bad-claim"),
        ({"for_hooks": {"\udfff": [1]}}, "bad-claim"),
        ({"for_hooks": [["\udfff"]]}, "bad-claim"),
        ({"peer": "\ud800"}, "bad-claim"),
        ({"peer": "x" * 129}, "bad-claim"),
        ({"peer": "\x1b[31mred"}, "bad-claim"),
        ({"exp": str(NOW_S + 60)}, "bad-claim"),
        ({"exp": True}, "bad-claim"),
        ({"exp": [NOW_S + 60]}, "bad-claim"),
        ({"exp": NOW_S * 1000}, "bad-claim"),  # milliseconds: valid for 50,000 years if they were read as seconds
        ({"exp": 10**400}, "bad-claim"),
        ({"nbf": "now"}, "bad-claim"),
        ({"iat": {}}, "bad-claim"),
        ({"jti": 7}, "bad-claim"),
        ({"jti": ""}, "bad-claim"),
        ({"room": 7}, "bad-claim"),
        ({"room": ["bar", 7]}, "bad-claim"),
        ({"room": {"bar": True}}, "bad-claim"),
        ({"peer": ["ann"]}, "bad-claim"),
        ({"peer": ""}, "bad-claim"),
        ({"scope": ["admin"]}, "bad-claim"),
        ({"scope": True}, "bad-claim"),
        ({"scopes": "admin"}, "bad-claim"),
        ({"scopes": [["admin"]]}, "bad-claim"),
    ],
)
def test_a_claim_that_is_wrong_missing_or_of_another_type_is_refused(changes: dict[str, Any], why: str) -> None:
    assert refusal(by_secret(), hs256(claims(**changes))) == why


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" * 5000])
def test_a_time_that_is_no_finite_number_is_refused(number: str) -> None:
    for name in ("exp", "nbf", "iat"):
        text = json.dumps(claims(**{name: 777})).replace("777", number)
        assert refusal(by_secret(), hs256(text)) in ("bad-claim", "malformed", "missing-claim")


def test_a_claim_that_occurs_twice_is_refused() -> None:
    text = json.dumps(claims(room="bar"))
    assert refusal(by_secret(), hs256(text[:-1] + ', "room": "secret"}')) == "bad-claim"
    assert refusal(by_secret(), hs256(text[:-1] + ', "x": {"a": 1, "a": 2}}')) == "bad-claim"


def test_an_issuer_is_required_if_the_settings_name_one() -> None:
    by = by_secret(jwt_issuer="https://login.example")
    assert refusal(by, hs256()) == "issuer"
    assert refusal(by, hs256(claims(iss="https://login.example/"))) == "issuer"
    assert by.verify(hs256(claims(iss="https://login.example")), NOW_S).subject == "ann"


# --- the form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        lambda token: " " + token,
        lambda token: token + "\n",
        lambda token: token + "\x00",
        lambda token: token.replace(".", ". "),
        lambda token: token + "=",
        lambda token: token + "==",
        lambda token: token + ".",
        lambda token: "." + token,
        lambda token: token.replace("_", "/").replace("-", "+") + "+",
        lambda token: token.rpartition(".")[0],
        lambda token: token.replace(".", ""),
        lambda token: "ä" + token,
        lambda token: "\ud800" + token,
        lambda token: "Bearer " + token,
        lambda token: "",
        lambda token: "..",
        lambda token: token + token[-1],
        lambda token: base64.b64encode(token.encode()).decode(),
    ],
)
def test_another_spelling_of_a_valid_token_is_refused(change: Any) -> None:
    assert refusal(by_secret(), change(hs256())) in ("malformed", "signature")


def test_the_unused_bits_of_the_last_character_must_be_zero() -> None:
    """If the two unused bits of the last base64 character were ignored, each token would have four spellings."""
    token = hs256()
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    valid = [last for last in alphabet if _is_valid(token[:-1] + last)]
    assert valid == [token[-1]]


def _is_valid(token: str) -> bool:
    try:
        by_secret().verify(token, NOW_S)
    except InvalidToken:
        return False
    return True


@pytest.mark.parametrize("part", ["[]", "null", "7", '"text"', "", "{", b"\xff\xfe", "[" * 3000, '{"a":' * 700])
def test_a_part_that_is_not_a_json_object_is_refused(part: Any) -> None:
    assert refusal(by_secret(), hs256(part)) in ("malformed", "missing-claim")
    assert refusal(by_secret(), hs256(header=part)) in ("malformed", "algorithm")


def test_a_token_longer_than_a_header_is_refused_before_anything_is_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    by = by_secret()
    fits, too_long = (hs256(claims(more="x" * count)) for count in (5000, 7000))
    assert by.verify(fits, NOW_S).all["more"] == "x" * 5000
    monkeypatch.setattr("jwt.PyJWS.get_unverified_header", None)
    assert refusal(by, too_long) == "malformed"
    assert refusal(by, "x" * 100_000_000) == "malformed"


@pytest.mark.fuzz
@given(st.text(st.characters()) | st.from_regex(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*", fullmatch=True))
def test_any_text_is_a_token_that_is_refused(token: str) -> None:
    assert refusal(by_secret(), token)
    assert refusal(made(Settings(auth="token", auth_token="s" * 32)), token) == "wrong-secret"


@pytest.mark.fuzz
@given(st.binary(), st.binary() | ANYTHING.map(json.dumps))
def test_any_signed_bytes_are_a_token_that_is_refused(payload: bytes, header: bytes | str) -> None:
    """Somebody who knows the issuer's secret may sign bytes that no issuer would sign."""
    assert refusal(by_secret(), hs256(payload))
    assert refusal(by_secret(), hs256(header=header))


@pytest.mark.fuzz
@given(st.dictionaries(st.sampled_from([*VALID, "nbf", "iat", "jti", "room", "peer", "scope", "scopes"]), ANYTHING))
def test_any_claims_are_accepted_or_refused(changes: dict[str, Any]) -> None:
    try:
        by_secret().verify(hs256(claims(**changes)), NOW_S)
    except InvalidToken as error:
        assert error.why in {"expired", "not-yet-valid", "audience", "bad-claim", "missing-claim"}  # noqa: PT017


def test_the_client_is_told_no_more_than_the_owner_of_a_token_may_know() -> None:
    told = {}
    for name, token in {
        "forged": hs256(secret="another secret that is long enough too"),
        "none": unsigned("none"),
        "audience": hs256(claims(aud="another")),
        "garbage": "garbage",
        "expired": hs256(claims(exp=1)),
    }.items():
        with pytest.raises(InvalidToken) as caught:
            by_secret().verify(token, NOW_S)
        told[name] = str(caught.value)
    assert told.pop("expired") == "the token has expired"
    assert set(told.values()) == {"the token is not valid"}
