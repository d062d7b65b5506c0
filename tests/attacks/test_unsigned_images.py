"""Where a user has named whose signatures images have to have, nothing else is locked, and nothing else is pulled.

The signatures are those of the real tools (tests/signatures); whoever attacks has the registry, and no key.
"""

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from slipway.bundle.form.layout import OCI_INDEX, OCI_MANIFEST
from slipway.bundle.locks import images as lock
from slipway.bundle.locks.images import ImageLock, Locked
from slipway.bundle.locks.vouching import check_vouched, vouched
from slipway.bundle.make.official import Official
from slipway.bundle.registry.client import RegistryClient
from slipway.bundle.registry.referrers import list_tag
from slipway.bundle.vouch import signers
from slipway.bundle.vouch.signers import Signers
from slipway.errors import BundleError
from slipway.model.platforms import ALL
from tests.faulty import Fault, Faulty
from tests.listing import listing
from tests.registries import running_registry
from tests.signed import PLACE, REPOSITORY, recording
from tests.upstreams import AMD64, DAY, IMAGE, digest_of, pulled, put_image, put_referrer, upstreams

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
RIGHT = recording("image")
#: The digest that is signed: the index that the tag names.
INDEX = digest_of(RIGHT.manifests["v1"][1].encode())
SIGNATURES = f"{list_tag(INDEX)}.sig"
COSIGN = "cosign-ecdsa"
SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json"


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Faulty]:
    """A registry that has the image, and nothing beside it."""
    with (
        running_registry(tmp_path / "source", tmp_path / "source-data") as backend,
        listing(backend) as proxy,
    ):
        RIGHT.play(backend.client())
        yield proxy


def keys(tmp_path: Path, *entries: dict[str, str]) -> Signers:
    """As the file says."""
    lines = [f"- {json.dumps(entry)}" for entry in entries]
    (tmp_path / "images.keys.yaml").write_text("\n".join(["format: 1", "keys:", *lines, ""]))
    return signers.read(tmp_path / "images.keys.yaml")


def key_of(name: str, tmp_path: Path, **further: str) -> Signers:
    """The key, or certificate, of a recording, for all of quay.io/group."""
    key = {"key": f"{PLACE}/{name}.pub"}
    if not (PLACE / f"{name}.pub").exists():
        key = {"authority": f"{PLACE}/{name}.crt"}
    return keys(tmp_path, {"prefix": "quay.io/group", **key, **further})


def locked(
    source: Faulty, chosen: Signers, *, platform: str = AMD64, image: str = IMAGE, now: datetime = NOW
) -> Locked:
    """The image's entry, as `bundle lock` makes it."""
    ways = upstreams(source)
    found = lock.resolve(ways, image, platform, DAY)
    return vouched(ways, found[:1], chosen, now)[0]


def refusal(source: Faulty, chosen: Signers, **options: object) -> str:
    """Why it is not locked, in the words of the finding."""
    with pytest.raises(BundleError, match="not signed by those who have to vouch") as caught:
        locked(source, chosen, **options)  # type: ignore[arg-type]
    error = caught.value
    [finding] = error.findings
    assert (finding.path.partition("/")[0], finding.code) == ("image", "unsigned")
    assert "images.keys.yaml" in error.where
    assert error.hint
    return finding.problem


@pytest.mark.parametrize(
    "name",
    [
        *("cosign-ecdsa", "cosign-rsa", "cosign-ed25519", "cosign-referrer"),
        *("cosign-bundle-ecdsa", "cosign-bundle-rsa", "cosign-bundle-ed25519", "notation-jws"),
    ],
)
@pytest.mark.parametrize("platform", [AMD64, ALL])
def test_what_the_real_tools_signed_is_locked_carried_and_built(
    tmp_path: Path, source: Faulty, name: str, platform: str
) -> None:
    recording(name).play(source.client())
    chosen = key_of(name, tmp_path)
    ways = upstreams(source)
    image, *beside = lock.resolve(ways, IMAGE, platform, DAY)
    entry = locked(source, chosen, platform=platform)
    assert (entry.signed, entry.tagged) == (INDEX, INDEX)
    assert entry.key.startswith("sha256:")
    assert replace(entry, signed="", signature="", key="") == image
    whole = ImageLock().merged([entry, *beside])
    lock.write(whole, tmp_path / "lock.yaml")
    whole = lock.read(tmp_path / "lock.yaml")
    official = Official(lock=whole, platforms=(platform,), upstreams=ways, signers=chosen)
    wanted = official.locked([IMAGE])
    assert wanted == [entry, *whole.beside(entry)]
    pulled(source, tmp_path / "bundle", wanted)
    if platform == ALL:
        assert entry.signature in {item.digest for item in wanted}
        carried = tmp_path / "bundle" / "images" / "blobs" / "sha256"
        assert (carried / entry.signature.removeprefix("sha256:")).is_file()


def test_what_is_said_of_the_real_signature_of_another_name(tmp_path: Path, source: Faulty) -> None:
    """Signed by the right key, as another image: `signedPrefix` is for publishers who sign elsewhere."""
    unnamed = recording("cosign-unnamed")
    unnamed.play(source.client())
    [(_, payload)] = [(layer, text) for layer, text in unnamed.layers if layer["mediaType"] == SIMPLE]
    named = json.loads(payload)["critical"]["identity"]["docker-reference"]
    assert f"is of another image: '{named}'" in refusal(source, key_of("cosign-unnamed", tmp_path))
    elsewhere = named.removesuffix("/tool")
    assert locked(source, key_of("cosign-unnamed", tmp_path, signedPrefix=elsewhere)).key
    other = key_of("cosign-unnamed", tmp_path, signedPrefix=f"{elsewhere}/tool")
    assert "is of another image" in refusal(source, other)


def test_a_signature_is_not_of_a_neighbour(tmp_path: Path, source: Faulty) -> None:
    """The right image with its signature, under the name of another one that the same key signs."""
    RIGHT.play(source.client(), "group/other")
    recording(COSIGN).play(source.client(), "group/other")
    chosen = key_of(COSIGN, tmp_path)
    assert "is of another image: 'quay.io/group/tool'" in refusal(
        source, chosen, image="quay.io/group/other:v1"
    )


def test_nothing_signed_is_refused(tmp_path: Path, source: Faulty) -> None:
    """Never signed, or stripped on the way."""
    chosen = key_of(COSIGN, tmp_path)
    assert "no signature hangs at it" in refusal(source, chosen)
    recording(COSIGN).play(source.client())
    entry = locked(source, chosen)
    source.client().delete_manifest(REPOSITORY, entry.signature)
    with pytest.raises(BundleError, match="not signed by those"):
        check_vouched(upstreams(source), [entry], chosen, NOW)


@pytest.mark.parametrize("name", [COSIGN, "cosign-referrer", "cosign-bundle-ecdsa", "notation-jws"])
def test_another_key_is_refused(tmp_path: Path, source: Faulty, name: str) -> None:
    recording(name).play(source.client())
    other = "cosign-rsa" if name != "notation-jws" else "notation-cose"
    told = refusal(source, key_of(other, tmp_path))
    assert "is by another key" in told or "leads to none of the configured certificates" in told


@pytest.mark.parametrize("name", [COSIGN, "cosign-bundle-ecdsa", "notation-jws"])
def test_a_signature_of_other_contents_is_refused(tmp_path: Path, source: Faulty, name: str) -> None:
    """The attacker's own image under the tag, with a real signature of the right one beside it."""
    client = source.client()
    evil = put_image(client, "", AMD64, [b"evil"], REPOSITORY)
    text = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [evil]}).encode()
    client.put_manifest(REPOSITORY, "v1", text, OCI_INDEX)
    digest = digest_of(text)
    for reference, (kind, manifest) in recording(name).manifests.items():
        data = json.loads(manifest)
        moved = reference.replace(list_tag(INDEX), list_tag(digest))
        if "subject" in data:
            data["subject"]["digest"] = digest
            manifest = json.dumps(data)  # noqa: PLW2901
            moved = digest_of(manifest.encode())
        for layer in recording(name).blobs:
            client.put_blob(REPOSITORY, digest_of(layer.encode()), layer.encode())
        client.put_manifest(REPOSITORY, moved, manifest.encode(), kind)
    assert f"is of other contents: {INDEX}" in refusal(source, key_of(name, tmp_path))


def test_forms_that_are_not_supported_are_named(tmp_path: Path, source: Faulty) -> None:
    recording("notation-cose").play(source.client())
    assert "COSE (application/cose)" in refusal(source, key_of("notation-cose", tmp_path))
    assert "COSE (application/cose)" in refusal(source, key_of(COSIGN, tmp_path))
    recording("notation-jws").play(source.client())
    assert "is notation's, and a key of cosign is configured" in refusal(source, key_of(COSIGN, tmp_path))
    recording(COSIGN).play(source.client())
    told = refusal(source, key_of("notation-cose", tmp_path))
    assert "is cosign's, and an authority of notation is configured" in told


def test_an_attestation_is_no_signature(tmp_path: Path, source: Faulty) -> None:
    """By the right key, about the right digest, and it says something else than that the image is right."""
    recording("cosign-attestation").play(source.client())
    assert "is an attestation" in refusal(source, key_of("cosign-attestation", tmp_path))


def test_a_certificate_counts_while_it_is_valid(tmp_path: Path, source: Faulty) -> None:
    recording("notation-jws").play(source.client())
    chosen = key_of("notation-jws", tmp_path)
    assert "not valid at this time" in refusal(source, chosen, now=datetime(2127, 1, 1, tzinfo=UTC))
    assert "not valid at this time" in refusal(source, chosen, now=datetime(2026, 1, 1, tzinfo=UTC))


Change = Callable[[str], str]


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        (COSIGN, lambda text: text.replace(INDEX, digest_of(b"x")), "is by another key"),
        (COSIGN, lambda text: text + " ", "is by another key"),
        ("cosign-bundle-ecdsa", lambda text: text.replace('"payload":"ey', '"payload":"eY'), "another key"),
        ("notation-jws", lambda text: text.replace('"payload":"ey', '"payload":"eY'), "was changed"),
        ("notation-jws", lambda text: text.replace('"protected":"eyJ', '"protected":"eYJ'), ""),
        ("notation-jws", lambda text: json.dumps(json.loads(text) | {"header": {}}), "no certificates"),
        ("notation-jws", lambda text: "[" * 100_000, "cannot be read"),
        ("notation-jws", lambda text: text[:-1] + ', "payload": "e30"}', "a key stands twice"),
        ("notation-jws", lambda text: "null", "no JSON object"),
        ("notation-jws", lambda text: '{"protected": 7}', "has no text at protected"),
        ("cosign-bundle-ecdsa", lambda text: '{"a": ' * 20_000, "cannot be read"),
        ("cosign-bundle-ecdsa", lambda text: text.replace(".v0.3+json", ".v0.9+json"), "not supported"),
        ("cosign-bundle-ecdsa", lambda text: text.replace('"publicKey"', '"certificate"'), "keyless"),
        ("cosign-bundle-ecdsa", lambda text: text.replace('"dsseEnvelope"', '"messageSignature"'), "DSSE"),
    ],
)
def test_a_changed_signature_is_refused(
    tmp_path: Path, source: Faulty, name: str, change: Change, told: str
) -> None:
    """Every one with its digest put right in the manifest that names it."""
    original = recording(name)
    client = source.client()
    for reference, (kind, manifest) in original.manifests.items():
        data = json.loads(manifest)
        [layer] = data["layers"]
        [text] = [text for item, text in original.layers if item["digest"] == layer["digest"]]
        changed = change(text)
        assert changed != text
        layer |= {"digest": digest_of(changed.encode()), "size": len(changed)}
        client.put_blob(REPOSITORY, layer["digest"], changed.encode())
        for blob in original.blobs:
            client.put_blob(REPOSITORY, digest_of(blob.encode()), blob.encode())
        manifest = json.dumps(data)  # noqa: PLW2901
        place = digest_of(manifest.encode()) if reference.startswith("sha256:") else reference
        client.put_manifest(REPOSITORY, place, manifest.encode(), kind)
    assert told in refusal(source, key_of(name, tmp_path))


@pytest.fixture
def private(tmp_path: Path) -> ec.EllipticCurvePrivateKey:
    """The right key, for signatures that only its owner could make; its public half is `own.pub`."""
    key = ec.generate_private_key(ec.SECP256R1())
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "own.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, form))
    return key


def put_simple(
    client: RegistryClient, payload: bytes, signature: object, tag: str = SIGNATURES, count: int = 1
) -> None:
    """As cosign puts one beside an image."""
    for blob in (b"{}", payload):
        client.put_blob(REPOSITORY, digest_of(blob), blob)
    layer = {
        "mediaType": SIMPLE,
        "digest": digest_of(payload),
        "size": len(payload),
        "annotations": {"dev.cosignproject.cosign/signature": signature},
    }
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(b"{}"), "size": 2}
    data = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": [layer] * count}
    client.put_manifest(REPOSITORY, tag, json.dumps(data).encode(), OCI_MANIFEST)


def said(**changed: object) -> dict[str, object]:
    identity = {"docker-reference": "quay.io/group/tool"}
    kind = "cosign container image signature"
    image = {"docker-manifest-digest": INDEX}
    critical: dict[str, object] = {"identity": identity, "image": image, "type": kind}
    return {"critical": critical | changed, "optional": None}


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        (json.dumps(said()), ""),
        (json.dumps(said(identity={"docker-reference": IMAGE})), ""),
        (json.dumps(said(identity={"docker-reference": f"{IMAGE}@{INDEX}"})), ""),
        (json.dumps(said(identity={"docker-reference": "quay.io/group/tool:v2"})), "another image"),
        (json.dumps(said(identity={"docker-reference": "quay.io/group/tool2"})), "another image"),
        (json.dumps(said(identity={"docker-reference": ""})), "another image"),
        (json.dumps(said(identity={})), "has no text at critical.identity.docker-reference"),
        (json.dumps(said(identity=["quay.io/group/tool"])), "has no text"),
        (json.dumps(said(image={"docker-manifest-digest": [INDEX]})), "has no text"),
        (json.dumps(said(type="atomic container signature")), "is of another type"),
        (json.dumps(said())[:-1] + ', "critical": {}}', "a key stands twice"),
        (json.dumps(said())[:-1] + ', "more": NaN}', "no number"),
        ('{"critical": ' * 15_000, "cannot be read"),
        ("7", "no JSON object"),
    ],
)
def test_what_the_right_key_signed_has_to_say_it(
    tmp_path: Path, source: Faulty, private: ec.EllipticCurvePrivateKey, payload: str, told: str
) -> None:
    signature = base64.b64encode(private.sign(payload.encode(), ec.ECDSA(hashes.SHA256()))).decode()
    put_simple(source.client(), payload.encode(), signature)
    chosen = keys(tmp_path, {"prefix": "quay.io", "key": "own.pub"})
    if told:
        assert told in refusal(source, chosen)
    else:
        assert locked(source, chosen).signed == INDEX


def test_one_right_signature_among_wrong_ones_is_enough(
    tmp_path: Path, source: Faulty, private: ec.EllipticCurvePrivateKey
) -> None:
    """Whoever may push can add, and hides nothing by it."""
    recording(COSIGN).play(source.client())
    put_simple(source.client(), b"{}", "AAAA", "other")
    text, _ = source.client().get_manifest(REPOSITORY, "other")
    right, _ = source.client().get_manifest(REPOSITORY, SIGNATURES)
    both = json.loads(right)
    both["layers"] = [*json.loads(text)["layers"], *both["layers"]]
    source.client().put_manifest(REPOSITORY, SIGNATURES, json.dumps(both).encode(), OCI_MANIFEST)
    put_referrer(source.client(), INDEX, SIMPLE, b"x" * (1 << 20))
    assert locked(source, key_of(COSIGN, tmp_path)).key
    two = [
        {"prefix": "quay.io/group", "key": "own.pub"},
        {"prefix": "quay.io/group", "key": f"{PLACE}/{COSIGN}.pub"},
    ]
    assert locked(source, keys(tmp_path, *two)).key


@pytest.mark.parametrize("signature", ["", "%%%", "AAAA", "\u00e4", None])
def test_odd_signatures_are_refused(
    tmp_path: Path, source: Faulty, private: ec.EllipticCurvePrivateKey, signature: object
) -> None:
    put_simple(source.client(), json.dumps(said()).encode(), signature)
    assert refusal(source, keys(tmp_path, {"prefix": "quay.io", "key": "own.pub"}))


def manifest_with(count: int = 1, **changed: object) -> str:
    layer = {"mediaType": SIMPLE, "digest": digest_of(b"x"), "size": 1, "annotations": {}}
    return json.dumps({"config": {}, "layers": [layer | changed] * count})


@pytest.mark.parametrize(
    "fault",
    [
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text="[" * 100_000),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text='{"layers": 7}'),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text=json.dumps({"layers": [{"mediaType": SIMPLE}]})),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text=json.dumps({"layers": [], "x": "x" * (2 << 20)})),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text=manifest_with(annotations={"a": 7})),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text=manifest_with(annotations=["a"])),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text=manifest_with(digest="../../x")),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text=manifest_with(size=-1)),
        Fault("GET", rf"/manifests/{SIGNATURES}", 200, text=manifest_with(1000)),
        Fault("GET", r"/blobs/", 200, text="x" * (2 << 20)),
        Fault("GET", r"/blobs/", 200, text="other contents"),
        Fault("GET", r"/blobs/", 302, {"Location": "/v2/group/tool/blobs/loop"}),
        Fault("GET", r"/manifests/sha256-", 307, {"Location": "/v2/group/tool/manifests/v1"}),
        Fault("GET", r"/blobs/|/manifests/sha256-", 404),
    ],
    ids=[
        *("deep", "odd", "without digest", "huge", "annotation", "annotations", "digest", "size", "many"),
        *("huge blob", "other blob", "loop", "led elsewhere", "gone"),
    ],
)
def test_a_registry_that_answers_oddly_vouches_for_nothing(
    tmp_path: Path, source: Faulty, fault: Fault
) -> None:
    recording(COSIGN).play(source.client())
    source.faults.append(replace(fault, times=10_000))
    assert "nobody configured vouches for" in refusal(source, key_of(COSIGN, tmp_path), platform=ALL)


def test_lists_of_referrers_that_are_none_vouch_for_nothing(tmp_path: Path, source: Faulty) -> None:
    chosen = key_of(COSIGN, tmp_path)
    kind = {"Content-Type": OCI_INDEX}
    image = lock.resolve(upstreams(source), IMAGE, AMD64, DAY)[:1]
    for text in (
        '{"manifests": [7]}',
        "[" * 100_000,
        '{"manifests": [{"digest": 7}]}',
        "[]",
        '{"manifests": 7}',
    ):
        source.faults[:] = [Fault("GET", "/referrers/", 200, kind, text, times=1000)]
        with pytest.raises(BundleError, match="not signed by those"):
            vouched(upstreams(source), image, chosen, NOW)
    endless = kind | {"Link": f"</v2/group/tool/referrers/{INDEX}>; rel=next"}
    source.faults[:] = [Fault("GET", "/referrers/", 200, endless, '{"manifests": []}', times=10_000)]
    with pytest.raises(BundleError, match="not signed by those"):
        vouched(upstreams(source), image, chosen, NOW)


def test_a_build_believes_no_lock(tmp_path: Path, source: Faulty) -> None:
    """Which whoever may write into the directory has edited: all is asked again, by digest."""
    recording(COSIGN).play(source.client())
    chosen = key_of(COSIGN, tmp_path)
    entry = locked(source, chosen)
    evil = str(put_image(source.client(), "", AMD64, [b"evil"], REPOSITORY)["digest"])
    others = {
        "is locked without a signature": replace(entry, key="", signed="", signature=""),
        "is locked with a signature of something else": replace(entry, digest=evil),
        "is of other contents": replace(entry, digest=evil, tagged=evil, signed=evil),
        "is signed by": replace(entry, key=digest_of(b"another")),
        "no signature hangs at it": replace(entry, signature=digest_of(b"none")),
    }
    for told, forged in others.items():
        official = Official(lock=ImageLock((forged,)), upstreams=upstreams(source), signers=chosen)
        with pytest.raises(BundleError, match="not signed by those") as caught:
            official.locked([IMAGE])
        assert told in caught.value.findings[0].problem
    lost = Official(lock=ImageLock((entry,)), upstreams=upstreams(source))
    with pytest.raises(BundleError, match="not signed by those") as caught:
        lost.locked([IMAGE])
    assert "no key is configured for it now" in caught.value.findings[0].problem


def test_a_prefix_is_of_whole_words_and_the_longest_counts(tmp_path: Path) -> None:
    first, second = f"{PLACE}/cosign-ecdsa.pub", f"{PLACE}/cosign-rsa.pub"
    found = keys(
        tmp_path,
        {"prefix": "quay.io/group", "key": first},
        {"prefix": "quay.io/group/tool", "key": second},
        {"prefix": "quay.io/grp", "key": second},
    )
    assert [signer.prefix for signer in found.of("quay.io/group/tool")] == ["quay.io/group/tool"]
    assert [signer.prefix for signer in found.of("quay.io/group/tools")] == ["quay.io/group"]
    assert found.of("quay.io/group-evil/tool") == found.of("quay.io") == ()
    assert found.idle(["quay.io/group/tool"]) == ("quay.io/group", "quay.io/grp")
    assert signers.read(tmp_path / "none.yaml") == Signers()


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x", "names no keys"),
        ("format: 2\nkeys: []", "another format"),
        ("format: 1\nkeys: []\nkey: x", "it has key"),
        ("format: 1\nkeys: [{prefix: quay.io}]", "either this or an authority"),
        ("format: 1\nkeys: [{prefix: quay.io, key: a, authority: b}]", "either this or an authority"),
        ("format: 1\nkeys: [{prefix: quay.io/, key: own.pub}]", "is 'quay.io/'"),
        ("format: 1\nkeys: [{prefix: quay.io, key: own.pub, keyless: yes}]", "keyless"),
        ("format: 1\nkeys: [{prefix: quay.io, key: none.pub}]", "none.pub: No such file"),
        ("format: 1\nkeys: [{prefix: quay.io, key: images.keys.yaml}]", "no public key"),
        ("format: 1\nkeys: [{prefix: quay.io, authority: own.pub}]", "no certificate"),
        ("format: 1\nkeys: [{prefix: quay.io, key: private.pem}]", "private key"),
        ("format: 1\nkeys: [{prefix: quay.io, key: p521.pub}]", "not supported"),
        ("format: 1\nkeys: [{prefix: quay.io, authority: own.pub, signedPrefix: a.io}]", "of a key alone"),
    ],
)
def test_a_file_of_keys_that_is_wrong_is_refused(
    tmp_path: Path, private: ec.EllipticCurvePrivateKey, text: str, told: str
) -> None:
    """Before any image is looked at; what nobody understood would be a check that nobody makes."""
    pem, none = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = private.private_bytes(pem, serialization.PrivateFormat.PKCS8, none)
    (tmp_path / "private.pem").write_bytes(secret)
    large = ec.generate_private_key(ec.SECP521R1()).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    (tmp_path / "p521.pub").write_bytes(large.public_bytes(pem, form))
    (tmp_path / "images.keys.yaml").write_text(text)
    with pytest.raises(BundleError) as caught:
        signers.read(tmp_path / "images.keys.yaml")
    assert told in str(caught.value)
    assert caught.value.hint
