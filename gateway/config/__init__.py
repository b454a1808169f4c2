"""The configuration: one YAML file, typed, checked in full, every problem named at once.

============  =======================================================================================
``options``   every key: kind, default, meaning; large sections in ``doors``, ``algorithms``, ``partners``
``section``   what all sections are made of: keys with a default and a meaning
``kinds``     the kinds of value, each parsed, shown and described in one place
``values``    how sizes, durations, networks, addresses … are written
``document``  YAML to plain values, with line numbers
``checks``    what must hold between keys
``sources``   what must hold for sources of certificates
``files``     what must hold for the files that are named
``planned``   keys that this version accepts only at their default
``advice``    warnings
``reading``   all of it in order: ``load``
``problem``   what is wrong, by key path
``shown``     the values in force without secrets, and the JSON Schema
============  =======================================================================================

Only floor 4 sees options; all other rooms take the plain values they declare.
"""

from gateway.config.advice import warnings
from gateway.config.doors import Listener, Milter
from gateway.config.options import Group, Options
from gateway.config.problem import ConfigError, Problem
from gateway.config.reading import load, locate, parse
from gateway.config.shown import effective, schema
from gateway.config.values import Endpoint, Reference

__all__ = [
    "ConfigError",
    "Endpoint",
    "Group",
    "Listener",
    "Milter",
    "Options",
    "Problem",
    "Reference",
    "effective",
    "load",
    "locate",
    "parse",
    "schema",
    "warnings",
]
