"""The benchmarks: ``python -m benchmarks`` prints one table of ratios.

Every row compares two things measured side by side in one run, by turns (ours, theirs, ours, theirs, …), because on a
shared machine only such a ratio means anything. ``docs/performance.md`` says what is measured and how to read it.
Needs ``smtp-source`` and ``smtp-sink`` of Postfix, and root for a Postfix of its own; what is missing is said in the
row. Everything listens on loopback and lives in a temporary folder.
"""
