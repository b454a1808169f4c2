"""``/gateways``: who shares the store, and whose rules differ, as the command tells it."""

from dataclasses import replace

from gateway.web.site import Site
from tests.store.gateways.around import says, silence
from tests.web.conftest import Holder


def test_gateways_are_told_with_their_state(site: Site, holder: Holder) -> None:
    gateways = site.wiring.store.gateways
    for name in ("a", "b", "c", "d"):
        gateways.beat(replace(says(name), policy="x" * 64 if name == "c" else says(name).policy))
    silence(site.wiring.store.database, "d", 11)
    ask = holder("read")
    found = ask.get("gateways").json()["items"]
    assert [(each["id"], each["state"], each["elected"]) for each in found] == [
        ("a", "beating", True),
        ("b", "beating", False),
        ("c", "differs", False),
        ("d", "silent", False),
    ]
    assert found[0]["host"] == "gw2.example.org"
    page = ask.get("gateways", params={"limit": 3}).json()
    assert page["next"] == "c"
    assert [each["id"] for each in ask.get("gateways", params={"after": "c"}).json()["items"]] == ["d"]
