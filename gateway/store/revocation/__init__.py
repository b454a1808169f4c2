"""Evidence of revocation: ``lists`` are CRLs, imported or fetched, ``responses`` those of OCSP; ``sources`` says where
both are fetched, and when.
"""
