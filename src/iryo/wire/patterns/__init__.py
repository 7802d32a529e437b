"""Patterns of AWS's models made into matchers that take linear time."""

from iryo.wire.patterns.compiler import Matcher, compile_pattern
from iryo.wire.patterns.syntax import PatternError

__all__ = ["Matcher", "PatternError", "compile_pattern"]
