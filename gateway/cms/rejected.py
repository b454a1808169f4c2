"""What is raised for a structure that parses but does not hold."""

from gateway.errors import GatewayError
from gateway.reason import Reason


class Rejected(GatewayError):
    """The mathematics, or a rule before it, says no; ``reason`` says why in the words of the record."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason
