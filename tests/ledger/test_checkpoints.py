"""Signed checkpoints: kept by whoever may not read the ledger, they show every later change of what they cover."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select, text

from jali import checkpoint, errors
from jali.commands import verify as verify_command
from jali.wire.ledger import Checkpoint, chained, record_digest
from jali_node.actions.operations.read_ledger import known_from, verified
from jali_node.actions.operations.restore_ledger import export_ledger
from jali_node.commands import node as node_commands
from jali_node.errors import InvalidRequest
from jali_node.tables import EntryRow, ReleaseRow

COUNT = {"kind": "count"}


def rewritten(house: Any, seq: int) -> None:
    """Change an entry, every hash after it, the head and the witness, as whoever owns the whole machine could."""
    node = house.node
    node.database.keeper = None
    with node.database.writing() as session:
        for trigger in ("entry_no_update", "entry_no_delete"):
            session.execute(text(f"DROP TRIGGER {trigger}"))
        rows = session.scalars(select(EntryRow).where(EntryRow.seq >= seq).order_by(EntryRow.seq)).all()
        rows[0].body = json.dumps({**json.loads(rows[0].body), "forged": 1}, sort_keys=True, separators=(",", ":"))
        previous = rows[0].prev_hash
        for row in rows:
            record = record_digest(row.kind, row.v, row.at, json.loads(row.body))
            row.prev_hash, row.hash = previous, chained(previous, row.seq, record)
            previous = row.hash
        session.execute(text("UPDATE chain_head SET hash = :hash"), {"hash": previous})
        node.witness.begin_anew(rows[-1].seq, previous)


@pytest.fixture
def kept(house: Any, tmp_path: Path) -> list[Path]:
    """Return three checkpoints, each with something recorded before it."""
    files = []
    for number in range(3):
        assert house.ask({"kind": "mean", "column": "age"}, 0.1 + number / 100).status_code == 200
        files.append(tmp_path / f"{number}.checkpoint")
        house.sdk().checkpoint(files[-1])
    return files


def test_a_data_scientist_keeps_a_checkpoint_and_verifies_it_without_reading_the_ledger(house: Any, kept: Any) -> None:
    assert house.get("/v1/ledger").status_code == 403
    node = house.sdk()
    report = node.verify(*kept)
    assert report.valid
    assert report.proven == report.entries == checkpoint.read(kept[-1]).seq
    assert "vouches for all" in report.describe()
    assert house.ask(COUNT, 0.1).status_code == 200
    later = node.verify(*kept)
    assert later.valid
    assert later.entries > later.proven == report.entries
    unproven = f"entries {report.entries + 1} to {later.entries} lie after the last checkpoint and are unproven"
    assert unproven in later.describe()


def test_a_rewritten_chain_is_found_between_two_checkpoints_and_in_an_older_copy_at_its_entry(
    house: Any, kept: list[Path], tmp_path: Path
) -> None:
    first, second, _ = (checkpoint.read(file).seq for file in kept)
    export = tmp_path / "ledger.jsonl"
    export_ledger(house.node, export)
    forged = second - 1
    rewritten(house, forged)
    assert verified(house.node, known_from(house.node)).valid, "by itself it looks whole"
    by_others = house.sdk().verify(*kept)
    by_itself = verified(house.node, known_from(house.node, kept[:2]) | {})
    for report in (by_others, by_itself):
        assert (report.valid, report.broken_at) == (False, second)
        assert f"of entries {first + 1} to {second} one at least was changed, removed or put in" in report.reason
    with pytest.raises(InvalidRequest, match="contradict each other about entry"):
        known_from(house.node, [], export)  # the witness was forged too, and the copy knows its place
    house.node.witness.path.unlink()
    exact = verified(house.node, known_from(house.node, [], export))
    assert (exact.valid, exact.broken_at) == (False, forged)
    assert f"entry {forged} was changed" in exact.reason


def test_an_end_that_was_cut_off_is_named_by_its_first_missing_entry(house: Any, kept: list[Path]) -> None:
    last = checkpoint.read(kept[-1]).seq
    node = house.node
    node.database.keeper = None
    with node.database.writing() as session:
        session.execute(text("DROP TRIGGER entry_no_delete"))
        session.execute(text("DELETE FROM entry WHERE seq > :seq"), {"seq": last - 2})
        head = session.scalar(select(EntryRow.hash).where(EntryRow.seq == last - 2))
        session.execute(text("UPDATE chain_head SET seq = :seq, hash = :hash"), {"seq": last - 2, "hash": head})
    node.witness.begin_anew(last - 2, str(head))
    report = house.sdk().verify(kept[-1])
    assert (report.valid, report.broken_at) == (False, last - 1)
    assert f"ends at entry {last - 2}, but a checkpoint knows entry {last}" in report.reason


def test_checkpoints_are_verified_offline_against_an_exported_ledger(house: Any, kept: Any, tmp_path: Path) -> None:
    export = tmp_path / "ledger.jsonl"
    number = export_ledger(house.node, export)
    files = [str(file) for file in kept]
    told = CliRunner().invoke(verify_command, [*files, "--ledger", str(export)], catch_exceptions=False)
    assert told.exit_code == 0, told.output
    assert f"{number} entries follow from each other" in told.output
    lines = export.read_text().splitlines()
    swapped = [*lines[:5], lines[6], lines[5], *lines[7:]]
    changed = [*lines[:8], lines[8].replace('"v":1', '"v":2'), *lines[9:]]
    removed = [*lines[:10], *lines[11:]]
    shortened = lines[:-3]
    expected = {"6": swapped, "9": changed, "11": removed, str(number - 2): shortened}
    for where, written in expected.items():
        export.write_text("\n".join(written) + "\n")
        told = CliRunner().invoke(verify_command, [*files, "--ledger", str(export)])
        assert told.exit_code == 1
        assert f"departs at entry {where}:" in told.output


def test_a_changed_checkpoint_another_node_s_and_two_that_contradict_are_refused(
    house: Any, build_house: Any, kept: list[Path], tmp_path: Path
) -> None:
    good = checkpoint.read(kept[0])
    for change in ({"seq": good.seq - 1}, {"hash": "0" * 64}, {"signature": "0" * 128}, {"public_key": "1" * 64}):
        checkpoint.save(good.model_copy(update=change), tmp_path / "bad")
        with pytest.raises(errors.NotGenuine):
            checkpoint.read(tmp_path / "bad")
        with pytest.raises(InvalidRequest, match="no checkpoint that this node has signed"):
            known_from(house.node, [tmp_path / "bad"])
    other = build_house(name="another node").sdk().checkpoint()
    with pytest.raises(errors.NotGenuine, match=r"the checkpoint is of node_.* but .* is node_"):
        house.sdk().verify(other)
    forked: Checkpoint = house.node.witness.signed(good.seq, "f" * 64)
    with pytest.raises(errors.NotGenuine, match="the node has shown two chains"):
        house.sdk().verify(good, forked)


def test_the_owner_s_command_names_what_is_unproven_and_finds_a_changed_answer(house: Any, kept: Any) -> None:
    command = ["verify-ledger", "--folder", str(house.folder)]
    told = CliRunner().invoke(node_commands, [*command, "--checkpoint", str(kept[0])])
    assert told.exit_code == 0, told.output
    assert "every account and release is what they say" in told.output
    with house.node.database.writing() as session:
        release = session.scalars(select(ReleaseRow).order_by(ReleaseRow.created_at)).first()
        before, release.measurements = release.measurements, release.measurements.replace("[", "[1", 1)
        assert before != release.measurements
        name = release.id
    told = CliRunner().invoke(node_commands, command)
    assert told.exit_code == 1
    assert f"release {name} is not what was released" in told.output
    with house.node.database.writing() as session:
        session.delete(session.get_one(ReleaseRow, name))
    assert f"release {name} is no longer stored" in CliRunner().invoke(node_commands, command).output
