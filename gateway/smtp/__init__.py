"""The SMTP proxy: doors that take mail in, and the next hop that takes it on.

A message's life: ``server`` (the dialogue) -> ``content`` (DATA) -> the engine -> ``relay`` -> ``next_hop`` -> 250.
"""
