"""Specific Character Set (first form)."""


class Charset:
    """How text is decoded."""

    @staticmethod
    def of(raw: bytes) -> "Charset":
        """From the value of (0008,0005)."""
        return Charset()

    def decode(self, raw: bytes, vr: str) -> tuple[str, str | None]:
        """The text and a note on what was wrong, or None."""
        return raw.decode("latin-1"), None


DEFAULT = Charset()
