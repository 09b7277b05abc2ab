"""JSON Web Tokens made by hand: honest ones, and each kind that RFC 8725 warns of."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import time

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature


def text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _number(value: int, size: int) -> str:
    return text(value.to_bytes(size, "big"))


@dataclasses.dataclass
class Key:
    """A signing key with its `kid`: P-256 (ES256) or RSA (RS256)."""

    kid: str
    private: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

    @classmethod
    def elliptic(cls, kid: str) -> Key:
        return cls(kid, ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def of_rsa(cls, kid: str) -> Key:
        return cls(kid, rsa.generate_private_key(public_exponent=65537, key_size=2048))

    @property
    def algorithm(self) -> str:
        return "ES256" if isinstance(self.private, ec.EllipticCurvePrivateKey) else "RS256"

    def sign(self, raw: bytes) -> bytes:
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            r, s = decode_dss_signature(self.private.sign(raw, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")
        return self.private.sign(raw, padding.PKCS1v15(), hashes.SHA256())

    def public_pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    def jwk(self, *, private: bool = False) -> dict[str, str]:
        common = {"kid": self.kid, "use": "sig", "alg": self.algorithm}
        if isinstance(self.private, ec.EllipticCurvePrivateKey):
            numbers = self.private.private_numbers()
            public = numbers.public_numbers
            made = common | {"kty": "EC", "crv": "P-256", "x": _number(public.x, 32), "y": _number(public.y, 32)}
            return made | ({"d": _number(numbers.private_value, 32)} if private else {})
        numbers = self.private.private_numbers()
        public = numbers.public_numbers

        def whole(value: int) -> str:
            return _number(value, (value.bit_length() + 7) // 8)

        made = common | {"kty": "RSA", "n": whole(public.n), "e": whole(public.e)}
        if not private:
            return made
        rest = {"d": numbers.d, "p": numbers.p, "q": numbers.q, "dp": numbers.dmp1, "dq": numbers.dmq1, "qi": numbers.iqmp}
        return made | {name: whole(value) for name, value in rest.items()}


def encode(header: dict, claims: dict | bytes, signature: bytes | None = None, key: Key | None = None) -> str:
    """A compact JWS: signed with the key, or with this signature."""
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    signed = f"{text(json.dumps(header).encode())}.{text(body)}"
    if key is not None:
        signature = key.sign(signed.encode())
    return f"{signed}.{text(signature or b'')}"


def with_secret(header: dict, claims: dict, secret: bytes) -> str:
    """Signed with HMAC-SHA-256, as if a public key were a shared secret."""
    signed = f"{text(json.dumps(header).encode())}.{text(json.dumps(claims).encode())}"
    return f"{signed}.{text(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def claims(issuer: str, audience: str = "dicomgate", **more: object) -> dict[str, object]:
    """What an honest token says."""
    now = int(time.time())
    honest = {
        "iss": issuer, "sub": "mueller", "aud": audience, "iat": now, "nbf": now - 5, "exp": now + 300,
        "preferred_username": "mueller", "roles": ["reader"],
    }  # fmt: skip
    return {name: value for name, value in (honest | more).items() if value is not None}


def honest(key: Key, said: dict) -> str:
    return encode({"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}, said, key=key)


def attacks(key: Key, other: Key, said: dict) -> dict[str, str]:
    """Every kind of token that must be refused, by name. `key` is the provider's, `other` nobody's."""
    head = {"alg": key.algorithm, "typ": "at+jwt", "kid": key.kid}
    now = int(time.time())
    good = honest(key, said)
    parts = good.split(".")

    def changed(**more: object) -> str:
        kept = {name: value for name, value in (said | more).items() if value is not None}
        return encode(head, kept, key=key)

    return {
        "no signature at all (alg none)": encode({"alg": "none", "typ": "at+jwt"}, said),
        "alg none, with the key's kid": encode(head | {"alg": "none"}, said),
        "alg nOnE": encode(head | {"alg": "nOnE"}, said),
        "signature cut off": f"{parts[0]}.{parts[1]}.",
        "signature flipped": f"{parts[0]}.{parts[1]}.{text(bytes(64))}",
        "claims changed": f"{parts[0]}.{text(json.dumps(said | {'roles': ['admin']}).encode())}.{parts[2]}",
        "HMAC with the public key (PEM)": with_secret(head | {"alg": "HS256"}, said, key.public_pem()),
        "HMAC with the public key (JWK)": with_secret(head | {"alg": "HS256"}, said, json.dumps(key.jwk()).encode()),
        "unknown kid": encode(head | {"kid": "nobody"}, said, key=other),
        "known kid, another key": encode(head, said, key=other),
        "key in the header (jwk)": encode(head | {"kid": other.kid, "jwk": other.jwk()}, said, key=other),
        "key by address (jku)": encode(head | {"kid": other.kid, "jku": "https://127.0.0.1:1/keys"}, said, key=other),
        "certificate by address (x5u)": encode(head | {"kid": other.kid, "x5u": "https://127.0.0.1:1/c"}, said, key=other),
        "another algorithm than the key's": encode(head | {"alg": "ES384"}, said, key=key),
        "critical header that nobody knows": encode(head | {"crit": ["b64"], "b64": False}, said, key=key),
        "a token in a token": encode(head | {"cty": "JWT"}, good.encode(), key=key),
        "encrypted (five parts)": ".".join([*parts, text(b"x"), text(b"y")]),
        "two parts": f"{parts[0]}.{parts[1]}",
        "no JSON": f"{text(b'hello')}.{parts[1]}.{parts[2]}",
        "expired": changed(exp=now - 400, nbf=now - 800, iat=now - 800),
        "without exp": changed(exp=None),
        "exp as text": changed(exp=str(now + 300)),
        "not valid yet": changed(nbf=now + 400),
        "another issuer": changed(iss="https://evil.example"),
        "issuer with a slash behind": changed(iss=f"{said['iss']}/"),
        "without issuer": changed(iss=None),
        "another audience": changed(aud="somebody-else"),
        "without audience": changed(aud=None),
        "audience that only begins so": changed(aud=f"{said['aud']}-2"),
        "oversize": changed(roles=["reader"] + ["x" * 1000] * 40),
        "without a name": changed(sub=None, preferred_username=None),
        "name with a line break": changed(preferred_username="mueller\nadmin"),
        "empty": "",
        "spaces around": f" {good} ",
    }
