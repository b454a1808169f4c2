"""``demo``: the main job on this machine, with the real daemon, a throw-away authority and a witness that is not us."""

from gateway.cli.demo.story import demo

__all__ = ["demo"]
