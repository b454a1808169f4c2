"""Certificates of customers come by themselves: named sources are asked, and what they have is believed as configured.

``sources``    the sources of the configuration, made
``believing``  which certificates of an answer may serve for an address, and on whose word
``search``     asks the sources of an address, stores what they have, and says who could not be asked

An address goes only to sources whose ``domains`` hold its domain. Not here: when to ask (``mailflow.discover`` for what
arrives, ``policy.assess`` for what leaves), and how (``lookup``).
"""
