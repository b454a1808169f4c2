"""The gateways that share a store: ``presence`` says who runs and which of them is elected, ``fate`` whether a process
of one of them still does, ``identity`` under which id all of them judge; all in ``tables``.
"""
