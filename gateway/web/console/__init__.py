"""The console: pages for people."""

from fastapi import APIRouter

router = APIRouter()
"""All pages."""
