"""The AWS protocols, spoken from botocore's service models; no service is known here by name."""

from iryo.wire.aws.errors import AwsError
from iryo.wire.aws.gateway import Gateway
from iryo.wire.aws.table import Operation, ServiceTable
from iryo.wire.sigv4 import Authenticated

__all__ = ["Authenticated", "AwsError", "Gateway", "Operation", "ServiceTable"]
