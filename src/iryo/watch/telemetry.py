"""Traces through OpenTelemetry, sent by OTLP over HTTP; the extra otel brings what it takes.

Spans are named after operations and kinds, and carry no ids of patients, studies or image sets: a
collector is not a place for patient data. A caller's header ``traceparent`` (W3C Trace Context) is
continued. The SDK's own environment variables (``OTEL_EXPORTER_OTLP_HEADERS`` for a collector's
token, ``OTEL_TRACES_SAMPLER`` ...) are the SDK's to read.
"""

from collections.abc import Mapping
from contextvars import Token
from typing import Any, Final

from iryo import __version__
from iryo.errors import Unavailable

__all__ = ["Telemetry"]

_PATH: Final = "/v1/traces"
_SECONDS: Final = 5  # that a request to the collector may take, and the end of the process waits


class Telemetry:
    """Satisfies `iryo.watch.spans.Spans`. Close it: what has not been sent is sent then.

    Args:
        endpoint: of the collector; ``/v1/traces`` is appended unless it ends so already.
        role: which of a server's processes this is.

    Raises:
        Unavailable: the extra otel is not installed.
    """

    def __init__(self, endpoint: str, role: str) -> None:
        try:
            from opentelemetry import context, trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError:
            raise Unavailable(
                "the setting otel_endpoint needs OpenTelemetry: pip install 'iryo[otel]'"
            ) from None
        url = endpoint if endpoint.endswith(_PATH) else endpoint.rstrip("/") + _PATH
        names = {"service.name": "iryo", "service.version": __version__, "iryo.role": role}
        self._provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
        self._provider.add_span_processor(
            BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=_SECONDS))
        )
        self._tracer = self._provider.get_tracer("iryo", __version__)
        self._propagator = TraceContextTextMapPropagator()
        self._context = context
        self._trace = trace

    def begin(self, name: str, *, parent: str | None = None) -> tuple[Any, Token[Any]]:
        """As `Spans` says. A traceparent that is none is passed over."""
        above = None if parent is None else self._propagator.extract({"traceparent": parent})
        span = self._tracer.start_span(name, context=above)
        return span, self._context.attach(self._trace.set_span_in_context(span))

    def end(
        self,
        span: tuple[Any, Token[Any]],
        *,
        name: str | None,
        failure: str,
        attributes: Mapping[str, str | int],
    ) -> None:
        """As `Spans` says."""
        own, token = span
        self._context.detach(token)
        if name is not None:
            own.update_name(name)
        own.set_attributes(dict(attributes))
        if failure:
            own.set_status(self._trace.StatusCode.ERROR, failure)
        own.end()

    def close(self) -> None:
        """Send what is left."""
        self._provider.force_flush(_SECONDS * 1000)
        self._provider.shutdown()
