"""The kinds of value as annotated types: parser, printed form and JSON Schema of each in one place."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator, StringConstraints, WithJsonSchema

from gateway.config.values import (
    Endpoint,
    Network,
    Reference,
    authentication,
    database,
    delimiter,
    duration,
    duration_text,
    endpoint,
    fingerprint,
    host_name,
    key_source,
    media_type,
    milter_socket,
    milter_socket_text,
    network,
    octal,
    path,
    pattern,
    printable,
    resolver,
    searched_domain,
    size,
    size_text,
    workers,
)


def _written(example: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "examples": [example], **more})


Listen = Annotated[Endpoint, PlainValidator(endpoint), PlainSerializer(str), _written("127.0.0.1:10025")]
Client = Annotated[Network, PlainValidator(network), PlainSerializer(str), _written("10.0.0.0/8")]
Size = Annotated[
    int,
    PlainValidator(size),
    PlainSerializer(size_text),
    WithJsonSchema(
        {"type": ["string", "integer"], "pattern": "^[0-9]{1,15} ?([kKmMgG]?[iI]?[bB]|[kKmMgG])?$", "minimum": 1}
    ),
]
Duration = Annotated[
    timedelta, PlainValidator(duration), PlainSerializer(duration_text), _written("30d", pattern="^[0-9]{1,6} ?[dhms]$")
]
FilePath = Annotated[Path, PlainValidator(path), PlainSerializer(str), _written("/etc/smime-gateway/x", pattern="^/")]
Authentication = Annotated[
    Reference,
    PlainValidator(authentication),
    PlainSerializer(str),
    _written("none", pattern="^(none|next-hop|file:/.+)$"),
]
KeySource = Annotated[
    Reference,
    PlainValidator(key_source),
    PlainSerializer(str),
    _written("credential:kek", pattern="^(credential:|file:/)"),
]
MilterSocket = Annotated[
    Path | Endpoint,
    PlainValidator(milter_socket),
    PlainSerializer(milter_socket_text),
    _written("unix:/run/x.sock", pattern="^(unix:/|inet:)"),
]
Pattern = Annotated[str, PlainValidator(pattern), _written("@help.example.org")]
Database = Annotated[str, PlainValidator(database), _written("sqlite", pattern="^(sqlite$|postgresql\\+psycopg://)")]
Workers = Annotated[
    int | Literal["auto"],
    PlainValidator(workers),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 1024}]}),
]
Resolver = Annotated[Endpoint, PlainValidator(resolver), PlainSerializer(str), _written("127.0.0.1:53")]
SearchedDomain = Annotated[str, AfterValidator(searched_domain), _written("customer.example")]
HostName = Annotated[str, AfterValidator(host_name)]
OwnName = Annotated[HostName, WithJsonSchema({"type": ["string", "null"]})]
OwnId = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,253}$"), WithJsonSchema({"type": ["string", "null"]})
]
ForeignId = Annotated[str, StringConstraints(pattern=r'^[^\s"();,\\\x00-\x1f\x7f]{1,253}$')]
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$")]
Words = Annotated[str, AfterValidator(printable)]
Delimiter = Annotated[str, AfterValidator(delimiter)]
Fingerprint = Annotated[str, AfterValidator(fingerprint), _written("ab" * 32, pattern="^[0-9A-Fa-f: ]{64,95}$")]
MediaType = Annotated[str, AfterValidator(media_type), _written("text/calendar")]
FileMode = Annotated[str, AfterValidator(octal)]
Count = Annotated[int, Field(ge=1, le=1_000_000)]
