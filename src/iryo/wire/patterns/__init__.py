"""Patterns of AWS's models made into matchers that take linear time."""

from iryo.wire.patterns.compiler import Matcher, PatternError, compile_pattern

__all__ = ["Matcher", "PatternError", "compile_pattern"]
