"""What the console says, taken out of its templates and modules.

``python -m tests.web.console.catalogue`` writes the German catalogue anew: sorted, with what is new still to be
translated, without what is said no more.
"""

from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).parents[3] / "gateway/web"
PAGE = ROOT / "locale/de.po"
METHODS = [("templates/**.html", "jinja2"), ("console/**.py", "python")]
KEPT = (b'"Language:', b'"Plural-Forms', b'"MIME', b'"Content')
VIEWS = ROOT.parent / "admin"
SENTENCES = {"Sentence": None, "Plain": None}
"""What views say in whole sentences (``admin.sentence``)."""
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "phrase": None}


def said() -> dict[str | tuple[str, ...], str]:
    """Return every message id, and where it stands; those with a plural are pairs."""
    found = [
        *extract_from_dir(ROOT, METHODS, {"templates/**.html": {"trim_blocks": "true"}}, keywords=KEYWORDS),
        *extract_from_dir(VIEWS, [("**.py", "python")], keywords=SENTENCES),
    ]
    return {message: f"{name}:{line}" for name, line, message, _, _ in found}


def catalogue() -> Catalog:
    """Return the German catalogue as it stands."""
    with PAGE.open("rb") as file:
        return read_po(file, locale="de")


def renewed(old: Catalog) -> Catalog:
    """Return it with every message there is and no other; what is new has no translation yet."""
    new = Catalog("de", header_comment="# The console in German.", fuzzy=False)
    for message in said():
        known = old.get(message if isinstance(message, str) else message[0])
        new.add(message, known.string if known is not None else None)
    return new


if __name__ == "__main__":
    made = BytesIO()
    write_po(made, renewed(catalogue()), width=116, sort_output=True, include_previous=False, no_location=True)
    head, _, body = made.getvalue().partition(b"\n\n")
    kept = [line for line in head.splitlines() if b'"' not in line[:1] or line.startswith(KEPT)]
    PAGE.write_bytes(b"\n".join(kept) + b"\n\n" + body.rstrip() + b"\n")
