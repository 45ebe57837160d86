"""A project's evidence: taken by owners and auditors, verified without the node, whatever is changed in it named."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jali import checkpoint, evidence
from jali.commands import verify as verify_command
from jali.wire.evidence import LISTED, OUTPUTS, Manifest
from jali.wire.person import Role
from jali_node import keys
from jali_node.actions.people.add_person import add_person, add_project
from jali_node.actions.people.create_token import create_token
from jali_node.actions.wishes import subject
from jali_node.commands import node as node_commands

Files = dict[str, bytes]
Change = Callable[[Files], None]


@pytest.fixture
def busy(house: Any) -> Any:
    """Return a house with answers, a wish in two revisions with a discussion, and another project's doings."""
    for number in range(2):
        assert house.ask({"kind": "mean", "column": "age"}, 0.1 + number / 100).status_code == 200
    house.sdk().checkpoint(house.folder / "early.checkpoint")
    wish = house.request(0.5, statistics=["mean", "count"], columns=["weight", "age"])
    house.post(f"/v1/requests/{wish['id']}/comments", {"text": "we need the <b>weights</b> too"})
    path = f"/v1/requests/{wish['id']}"
    said = {"digest": wish["digest"], "outcome": "changes_asked", "reason": "ask for less"}
    assert house.post(f"{path}/decision", said, house.owner).status_code == 200
    form = {"dataset": house.dataset, "project": house.project, "purpose": "to test with less", "epsilon": 0.3}
    second = house.post(f"{path}/revisions", form).json()
    said = {"digest": second["digest"], "outcome": "denied", "reason": "still too much"}
    assert house.post(f"{path}/decision", said, house.owner).status_code == 200
    other = add_project(house.node, "other study", "nobody else's business")
    add_person(house.node, "Stan Stranger", Role.DATA_SCIENTIST, ("other study",))
    house.extra["stranger"] = create_token(house.node, "Stan Stranger", 1)[0]
    foreign = house.request(0.5, house.extra["stranger"], project=other.id, purpose="foreign words of others")
    house.extra["foreign"] = (other.id, foreign["id"], "foreign words", "Stan Stranger", "other study")
    return house


@pytest.fixture
def pack(busy: Any, tmp_path: Path) -> Path:
    return Path(busy.sdk(busy.owner).owner.evidence(busy.project, tmp_path / "study.zip"))


def read(pack: Path) -> Files:
    with zipfile.ZipFile(pack) as held:
        return {name: held.read(name) for name in held.namelist()}


def written(files: Files, to: Path) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as held:
        for name, content in files.items():
            held.writestr(name, content)
    return to


def signed_anew(files: Files, key: Ed25519PrivateKey, **claims: Any) -> Files:
    """Return a pack as a dishonest node would sign it: every digest is right, and only the chain knows better."""
    stated = json.loads(files["manifest.json"])
    names = [name for name in files if name in (*LISTED, OUTPUTS)]
    facts = {name: {"sha256": hashlib.sha256(files[name]).hexdigest(), "bytes": len(files[name])} for name in names}
    text = Manifest.model_validate({**stated, **claims, "files": facts}).model_dump_json().encode()
    signature = keys.manifest(key, hashlib.sha256(text).hexdigest()).encode()
    return {**{name: files[name] for name in names}, "manifest.json": text, "manifest.sig": signature}


def lines(files: Files, name: str) -> list[Any]:
    return [json.loads(line) for line in files[name].splitlines()]


def put(files: Files, name: str, records: list[Any]) -> None:
    files[name] = b"".join(json.dumps(record).encode() + b"\n" for record in records)


def test_an_untouched_pack_holds_and_says_what_it_holds(busy: Any, pack: Path) -> None:
    found = evidence.verify(pack)
    assert found.valid, found.departure
    assert pack.stat().st_mode & 0o077 == 0
    assert dict(found.held) | {"entries": 0} == {
        "wishes": 2, "decisions": 3, "releases": 2, "rounds": 0, "outputs": 0, "entries": 0
    }  # fmt: skip
    said = found.describe()
    assert "2 requests and jobs with 3 decisions, 2 releases" in said
    assert "only what the pack says of itself" in said
    last = busy.ledger()[-1]
    assert (last["kind"], last["body"]["project"]) == ("evidence.taken", busy.project)
    assert f"all {last['seq']} entries" in said
    _nothing_of_other_projects_is_in(busy, pack)
    _the_page_is_first_has_no_script_and_says_what_others_wrote_as_text(pack)


def test_the_key_is_compared_with_one_that_was_known_or_with_a_kept_checkpoint(
    busy: Any, build_house: Any, pack: Path, tmp_path: Path
) -> None:
    node = busy.node.node_id
    early = checkpoint.read(busy.folder / "early.checkpoint")
    for key, kept in ((node, []), (early.public_key, []), (None, [early])):
        found = evidence.verify(pack, key, kept)
        assert (found.valid, found.key_known) == (True, True)
        assert "the one that you know" in found.describe()
    other = build_house(name="another node")
    foreign = other.sdk().checkpoint()
    for key, kept in ((other.node.node_id, []), (None, [foreign])):
        assert "signed by a foreign key" in evidence.verify(pack, key, kept).departure
    later = busy.node.witness.signed(10_000, "f" * 64)
    assert "1 checkpoint is later than the pack" in evidence.verify(pack, None, [later]).describe()
    forked = busy.node.witness.signed(early.seq, "f" * 64)
    departure = evidence.verify(pack, None, [forked]).departure
    assert departure.startswith(f"ledger.jsonl: the chain departs at entry {early.seq}:")

    key = Ed25519PrivateKey.generate()
    stated = json.loads(read(pack)["manifest.json"])
    forged = read(pack)
    forged["checkpoint.json"] = keys.checkpoint(key, stated["seq"], stated["hash"]).model_dump_json().encode()
    whose = {"node_id": keys.node_id(key), "public_key": keys.public(key).hex()}
    forged = signed_anew(forged, key, **whose)
    found = evidence.verify(written(forged, tmp_path / "forged.zip"))
    assert found.valid
    assert "anybody could have made all of it" in found.describe()
    assert "foreign key" in evidence.verify(tmp_path / "forged.zip", busy.node.node_id).departure


def removed(name: str) -> Change:
    return lambda files: files.pop(name) and None


def appended(name: str) -> Change:
    def change(files: Files) -> None:
        files[name] = files[name] + b"\n"

    return change


def replaced(name: str, before: bytes, after: bytes) -> Change:
    def change(files: Files) -> None:
        assert before in files[name]
        files[name] = files[name].replace(before, after, 1)

    return change


TAMPERED = {
    **{f"{name} is removed": (removed(name), f"{name}: it is missing") for name in LISTED},
    **{f"{name} is changed": (appended(name), f"{name}: it was changed") for name in LISTED},
    "manifest is removed": (removed("manifest.json"), "manifest.json: it is missing"),
    "signature is removed": (removed("manifest.sig"), "manifest.sig: it is missing"),
    "manifest is changed": (appended("manifest.json"), "manifest.json: it was changed, or not signed by"),
    "signature is another": (
        replaced("manifest.sig", b"\n", b"0\n"),
        "manifest.json: it was changed, or not signed by",
    ),
    "a file is put in": (lambda files: files.update({"more.json": b"{}"}), "more.json: the manifest does not name it"),
    "key is another": (
        lambda files: replaced("manifest.json", json.loads(files["manifest.json"])["public_key"].encode(), b"1" * 64)(
            files
        ),
        "manifest.json: its key is not that of",
    ),
}


def edited(name: str, edit: Callable[[list[Any]], object]) -> Change:
    def change(files: Files) -> None:
        records = lines(files, name)
        edit(records)
        put(files, name, records)

    return change


def swap(records: list[Any], part: str) -> None:
    records[0][part], records[1][part] = records[1][part], records[0][part]


def entry_of(records: list[Any], kind: str) -> dict[str, Any]:
    return next(record for record in records if record.get("kind") == kind)


REQUESTS, RELEASES, LEDGER = "requests.jsonl", "releases.jsonl", "ledger.jsonl"
LIES = {
    "a release is changed": (
        edited(RELEASES, lambda r: r[0]["measurements"].update({"count": {"values": [1], "noise_stddev": 1.0}})),
        "its measurements are not what was released",
    ),
    "two releases' measurements are swapped": (
        edited(RELEASES, lambda r: swap(r, "measurements")),
        "its measurements are not what was released",
    ),
    "two releases' spends are swapped": (edited(RELEASES, lambda r: swap(r, "spend")), "its spend is not the one of"),
    "a release is removed": (edited(RELEASES, lambda r: r.pop(0)), "it is missing; entry"),
    "a release is there twice": (edited(RELEASES, lambda r: r.append(r[0])), "it is there twice"),
    "a release has another question": (
        edited(RELEASES, lambda r: r[0]["statistic"].update({"column": "weight"})),
        "its question is not the one that entry",
    ),
    "a release is somebody else's": (
        edited(RELEASES, lambda r: r[0].update({"person": "per_0"})),
        "its person is not the one that entry",
    ),
    "a request is removed": (edited(REQUESTS, lambda r: r.pop(1)), "it is missing; entry"),
    "a request's words are changed": (
        edited(REQUESTS, lambda r: r[0]["revisions"][0]["content"].update({"epsilon": 0.5})),
        "what is asked for was changed",
    ),
    "a request's purpose is changed": (
        edited(REQUESTS, lambda r: r[1]["revisions"][0]["content"].update({"purpose": "for a good cause"})),
        "revision 1: what is asked for was changed",
    ),
    "a purpose is said to be erased": (
        edited(REQUESTS, lambda r: r[0]["revisions"][0].update({"purpose_digest": "0" * 64})),
        "no entry says so",
    ),
    "a request is another person's": (
        edited(REQUESTS, lambda r: r[0].update({"person": "per_0"})),
        "what is asked for was changed",
    ),
    "a revision is removed": (edited(REQUESTS, lambda r: r[1]["revisions"].pop(0)), "expected its revisions 1 to 2"),
    "two revisions are reordered": (
        edited(REQUESTS, lambda r: r[1]["revisions"].reverse()),
        "expected its revisions 1 to 2",
    ),
    "two revisions' content is swapped": (
        edited(REQUESTS, lambda r: swap(r[1]["revisions"], "content")),
        "what is asked for was changed",
    ),
    "a revision's digest is another": (
        edited(REQUESTS, lambda r: r[1]["revisions"][0].update({"digest": "0" * 64})),
        "its digest is not the one of entry",
    ),
    "a decision's digest is another": (
        edited(REQUESTS, lambda r: r[0]["decisions"][0].update({"digest": "0" * 64})),
        "its digest is not that of the request",
    ),
    "two decisions' digests are swapped": (
        edited(REQUESTS, lambda r: swap(r[1]["decisions"], "digest")),
        "its digest is not that of the request",
    ),
    "a decision is removed": (
        edited(REQUESTS, lambda r: r[0]["decisions"].clear()),
        "expected its decisions to be those",
    ),
    "two decisions are reordered": (
        edited(REQUESTS, lambda r: r[1]["decisions"].reverse()),
        "expected its decisions to be",
    ),
    "a decision's outcome is another": (
        edited(REQUESTS, lambda r: r[0]["decisions"][0].update({"outcome": "denied"})),
        "its outcome is not what the entry",
    ),
    "a decision is somebody else's": (
        edited(REQUESTS, lambda r: r[0]["decisions"][0].update({"by": "per_0"})),
        "its by is not what the entry records",
    ),
    "a denied request is said to be granted": (
        edited(REQUESTS, lambda r: r[1].update({"status": "granted"})),
        "said to be granted, and the chain records denied",
    ),
    "a comment is removed": (
        edited(REQUESTS, lambda r: r[1]["discussion"].pop(1)),
        "the line of its discussion that entry",
    ),
    "a discussion is reordered": (edited(REQUESTS, lambda r: r[1]["discussion"].reverse()), "out of order"),
    "a comment is put in": (
        edited(
            REQUESTS,
            lambda r: r[1]["discussion"].append({**r[1]["discussion"][-1], "id": "rmk_z", "happened": "commented"}),
        ),
        "no entry records the line rmk_z",
    ),
    "an entry is changed": (
        edited(LEDGER, lambda r: entry_of(r, "spend.held")["body"].update({"price": 1})),
        "its hash is not that of its content",
    ),
    "an entry is removed": (
        edited(LEDGER, lambda r: r.pop(4)),
        "the chain departs at entry 5: entry 5 is missing, found 6",
    ),
    "two entries are reordered": (edited(LEDGER, lambda r: r.insert(4, r.pop(5))), "the chain departs at entry 5:"),
    "a foreign entry's digest is another": (
        edited(LEDGER, lambda r: next(e for e in r if "record" in e).update({"record": "0" * 64})),
        "the chain departs at entry",
    ),
    "the ledger's end is cut off": (edited(LEDGER, lambda r: r.pop()), "the chain ends at entry"),
    "the ledger goes on": (
        edited(LEDGER, lambda r: r.append({"seq": len(r) + 1, "record": "0" * 64})),
        "it goes on behind",
    ),
    "a line is no entry": (edited(LEDGER, lambda r: r.insert(2, {"none": 1})), "line 3 is no entry"),
}


def test_whatever_is_changed_is_named_and_whatever_a_node_says_against_its_own_chain(
    busy: Any, pack: Path, tmp_path: Path
) -> None:
    key, wrong = keys.load(busy.node.settings.key_path), []
    for what, (change, expected) in TAMPERED.items():
        files = read(pack)
        change(files)
        departure = evidence.verify(written(files, tmp_path / "tampered.zip")).departure
        if not departure.startswith(expected):
            wrong.append(f"{what}: expected {expected!r}, got {departure!r}")
    for what, (change, expected) in LIES.items():
        files = read(pack)
        change(files)
        departure = evidence.verify(written(signed_anew(files, key), tmp_path / "lie.zip")).departure
        if expected not in departure:
            wrong.append(f"{what}: expected {expected!r}, got {departure!r}")
    assert wrong == []
    files = read(pack)
    edited(RELEASES, lambda r: r.append({**r[0], "id": "rel_" + "0" * 32}))(files)
    departure = evidence.verify(written(signed_anew(files, key), tmp_path / "more.zip")).departure
    assert "no entry of the chain says that it was released" in departure
    files = read(pack)
    files["checkpoint.json"] = busy.node.witness.signed(3, "0" * 64).model_dump_json().encode()
    departure = evidence.verify(written(signed_anew(files, key), tmp_path / "other.zip")).departure
    assert departure == "checkpoint.json: it is not the one that the manifest names"


def _nothing_of_other_projects_is_in(busy: Any, pack: Path) -> None:
    files = read(pack)
    everything = b"\n".join(files.values()).decode()
    for foreign in busy.extra["foreign"]:
        assert foreign not in everything
    entries = busy.ledger()
    shown = {line["seq"] for line in lines(files, LEDGER) if "kind" in line}
    hidden = [entry for entry in entries if entry["seq"] not in shown]
    assert hidden
    assert [line["seq"] for line in lines(files, LEDGER)] == [entry["seq"] for entry in entries]
    assert all(busy.project not in json.dumps(entry["body"]) for entry in hidden)


def _the_page_is_first_has_no_script_and_says_what_others_wrote_as_text(pack: Path) -> None:
    assert zipfile.ZipFile(pack).namelist()[0] == "index.html"
    page = read(pack)["index.html"].decode()
    assert "we need the &lt;b&gt;weights&lt;/b&gt; too" in page
    assert "<script" not in page
    assert "still too much" in page
    assert "Dana Scientist" in page


def hostile(to: Path, name: str = "index.html", size: int = 10, **more: Any) -> Path:
    with zipfile.ZipFile(to, "w", zipfile.ZIP_DEFLATED) as held:
        for number in range(more.get("count", 1)):
            held.writestr(f"a{number}.json" if number else name, b"0" * size)
        if more.get("twice"):
            held.writestr(name, b"1")
    return to


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_hostile_pack_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    cases = {
        "../../escaped.json": hostile(folder / "a.zip", "../../escaped.json"),
        "/etc/passwd": hostile(folder / "b.zip", "/etc/passwd"),
        "claims to grow": hostile(folder / "c.zip", size=50_000_000),
        "it is there twice": hostile(folder / "d.zip", twice=True),
        "expected at most 50 files, got 51": hostile(folder / "e.zip", count=51),
        "it is missing, so this is no project's evidence": hostile(folder / "f.zip"),
    }
    (folder / "g.zip").write_bytes(b"no zip at all")
    cases["it cannot be read"] = folder / "g.zip"
    before = sorted(path.name for path in tmp_path.rglob("*"))
    for expected, file in cases.items():
        assert expected in evidence.verify(file).departure
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


def test_what_was_asked_before_digests_could_be_made_again_is_compared_with_the_chain_alone(
    build_house: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house = build_house()
    monkeypatch.setattr(subject, "bound", lambda row: hashlib.sha256(row.purpose.encode()).hexdigest())
    monkeypatch.setattr(subject, "binding", lambda row: {})
    house.grant()
    pack = house.sdk(house.owner).owner.evidence(house.project, tmp_path / "old.zip")
    found = evidence.verify(pack)
    assert found.valid, found.departure
    files = read(pack)
    edited(REQUESTS, lambda r: r[0]["revisions"][0].update({"digest": "0" * 64}))(files)
    lie = written(signed_anew(files, keys.load(house.node.settings.key_path)), tmp_path / "lie.zip")
    assert "its digest is not the one of entry" in evidence.verify(lie).departure


def test_the_owner_s_command_writes_a_new_file_and_the_auditor_s_verifies_it_without_server_or_torch(
    busy: Any, tmp_path: Path
) -> None:
    to = tmp_path / "study.zip"
    asked = ["evidence", "study", "--folder", str(busy.folder), "--to", str(to)]
    told = CliRunner().invoke(node_commands, asked, catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert f"jali verify {to} --key {busy.node.node_id}" in told.output
    assert "is there already" in CliRunner().invoke(node_commands, asked).output
    asked[1] = "no such study"
    assert "there is no such project" in CliRunner().invoke(node_commands, [*asked[:-1], str(tmp_path / "x")]).output
    assert not (tmp_path / "x").exists()
    early = str(busy.folder / "early.checkpoint")
    told = CliRunner().invoke(verify_command, [str(to), early], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    code = (
        "import sys\nfrom jali.commands import jali\n"
        f"sys.argv = ['jali', 'verify', {str(to)!r}, '--key', {busy.node.node_id!r}]\n"
        "try:\n    from jali.commands import verify\n    verify(sys.argv[2:], standalone_mode=False)\n"
        "finally:\n    heavy = {'torch', 'sqlalchemy', 'fastapi', 'jali_node', 'httpx2', 'pandas'} & set(sys.modules)\n"
        "    print('heavy', *heavy)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert "the key is the one that you know" in done.stdout
    assert done.stdout.rstrip().endswith("heavy")
    written({**read(to), "releases.jsonl": b""}, to)
    told = CliRunner().invoke(verify_command, [str(to), early])
    assert (told.exit_code, "releases.jsonl: it was changed" in told.output) == (1, True)
    told = CliRunner().invoke(verify_command, [str(to), "--key", "node_1"])
    assert told.exit_code == 1
