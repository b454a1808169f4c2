"""Judgement: the rules an administrator wrote, and the pure decision over a message.

===============  =======================================================
``rule``         groups, submitters, levels: what an administrator wrote
``question``     what is asked: the facts of one outbound message
``choose``       which certificate serves
``wants``        what the decision has to know
``assess``       what is possible for a sender and recipients
``decide``       the decision, and the only place of a refusal by policy
``answer``       the same, asked beforehand by ``check``
``entitlement``  whose mail a key may open
``redelivery``   which held mail is delivered again by itself
``state``        what a stored certificate is good for now, in one word
``signing``      whether a group can sign, and until when
===============  =======================================================
"""
