"""``demo``: the story as a newcomer reads it, told by a real daemon, its doors and ``openssl``."""

import os
import re
import subprocess
import sys

import pytest

from tests.openssl import require_openssl


@pytest.fixture(scope="module")
def chapters(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each chapter says, the preface being the first."""
    require_openssl()
    folder = tmp_path_factory.mktemp("demo")
    told = subprocess.run(
        [sys.executable, "-m", "gateway", "demo"],
        env=os.environ | {"TMPDIR": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert list(folder.iterdir()) == []
    return re.split(r"^(?:\d\. |The end)", told.stdout, flags=re.MULTILINE)


def field(chapter: str, name: str, number: int = 0) -> str:
    """The value of a field, in the message that the chapter shows as ``number``."""
    return re.findall(rf"^  {name}: (.*(?:\n {{6,}}.*)*)$", chapter, re.MULTILINE)[number]


def test_the_story_has_all_its_chapters(chapters: list[str]) -> None:
    assert len(chapters) == 10
    assert "CMS Verification successful" in chapters[5]
    assert "stopped with exit code 0" in chapters[9]


def test_the_answer_comes_back_opened_and_verified(chapters: list[str]) -> None:
    way_back = chapters[6]
    assert field(way_back, "X-SMIME-Gateway-Signature").startswith("pass; signer=alice@example.com;")
    assert field(way_back, "X-SMIME-Gateway-Encryption").startswith("decrypted;")
    assert "forged@example.com" not in way_back
    assert "| Thank you, it prints again." in way_back


def test_a_late_key_opens_what_was_held(chapters: list[str]) -> None:
    late = chapters[7]
    arrival, kept, again = re.split(r"^Delivered as it came|^The daemon tries again", late, flags=re.MULTILINE)
    assert field(arrival, "X-SMIME-Gateway-Encryption") == "failed; reason=no-key"
    assert "scanner" not in arrival + kept
    assert re.search(r"no-key  waiting$", kept, re.MULTILINE)
    assert "$ smime-gateway import renewed-all.pem" in kept
    assert field(again, "X-SMIME-Gateway-Encryption").startswith("decrypted;")
    assert field(again, "X-SMIME-Gateway-Signature").startswith("pass;")
    assert field(again, "X-SMIME-Gateway-Retry-Of") == field(arrival, "X-SMIME-Gateway-Id")
    assert field(again, "Message-ID") != field(arrival, "Message-ID") == field(again, "In-Reply-To")
    assert field(again, "Subject") == field(arrival, "Subject")
    assert "| And the scanner, too?" in again
    assert f"retry-of={field(arrival, 'X-SMIME-Gateway-Id')}" in chapters[8]
