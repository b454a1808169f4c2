"""The pages that every page leads to, in their order."""

from dataclasses import dataclass

from gateway.admin.permission import Permission
from gateway.web.console.words import phrase


@dataclass(frozen=True, slots=True)
class Entry:
    """One page; who may not see it is not led there. ``title``: an English phrase."""

    title: str
    path: str
    needs: Permission = Permission.READ


NAVIGATION = (
    (
        Entry(phrase("Overview"), "/overview"),
        Entry(phrase("Activity"), "/activity"),
        Entry(phrase("Held mail"), "/held"),
        Entry(phrase("Groups"), "/groups"),
        Entry(phrase("Explain"), "/explain", Permission.CHECK),
    ),
    (
        Entry(phrase("Certificates"), "/certificates"),
        Entry(phrase("Add"), "/add", Permission.IMPORT),
        Entry(phrase("Pending"), "/pending"),
    ),
    (
        Entry(phrase("Accounts"), "/accounts", Permission.ADMIN),
        Entry(phrase("Tokens"), "/tokens", Permission.ADMIN),
        Entry(phrase("Audit"), "/audit", Permission.ADMIN),
    ),
)
"""In sections. What is not among these is reached from a page that is."""


def here(path: str) -> str:
    """Return the path of the entry that a page belongs to; empty: to none."""
    entries = [entry.path for section in NAVIGATION for entry in section]
    around = [entry for entry in entries if path == entry or path.startswith(f"{entry.rstrip('/')}/")]
    return max(around, key=len, default="")
