"""What callers ask: the members of a request, each checked by the annotation of an operation's parameter.

An annotation takes the member's value as it came, and gives what the operation works with. TypeError is another
JSON type or no Base64, ValueError a value that is not allowed.
"""

import base64
import functools
import inspect
import re


class Fault(Exception):
    """What a caller is told: a name, for which each service has its own, and a sentence."""

    def __init__(self, name, text):
        super().__init__(text)
        self.name = name


def members(operation, request, harmless):
    """The arguments of an operation. A member that it does not know might ask for another result, so it is refused;
    `harmless` are the names of those that ask for none, and are left out."""
    parameters, arguments = inspect.signature(operation).parameters, {}
    for name, value in request.items():
        if name not in parameters and name not in harmless and value is not None:
            raise Fault("Unsupported", f"this service knows no {name} here")
    for name, known in parameters.items():
        if request.get(name) is None:
            if known.default is known.empty:
                raise Fault("Invalid", f"{name} is missing")
            continue
        try:
            arguments[name] = known.annotation(request[name])
        except TypeError as wrong:
            raise Fault("Malformed", f"{name}: {wrong}") from None
        except ValueError as wrong:
            raise Fault("Invalid", f"{name}: {wrong}") from None
    return arguments


def may_be_tried(operation):
    """Adds the member DryRun. The operation is done all the same, since it changes nothing in the token and whatever refuses
    it shall refuse the trial; its answer is thrown away."""
    @functools.wraps(operation)
    def trial(self, *given, DryRun=False, **members):
        answer = operation(self, *given, **members)
        if DryRun:
            raise Fault("DryRun", "the request would be done, and is not, since DryRun says so")
        return answer
    signature = inspect.signature(operation)
    added = inspect.Parameter("DryRun", inspect.Parameter.KEYWORD_ONLY, default=False, annotation=flag)
    trial.__signature__ = signature.replace(parameters=[*signature.parameters.values(), added])
    return trial


def of_type(value, kind):
    if not isinstance(value, kind) or isinstance(value, bool) != (kind is bool):
        raise TypeError(f"this is no {kind.__name__}")
    if kind is str and not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise TypeError("this is no text of Unicode characters") from None
    return value


def text(least=1, most=2048, pattern=""):
    def check(value):
        if not least <= len(of_type(value, str)) <= most:
            raise ValueError(f"{least} to {most} characters, not {len(value)}")
        if pattern and not re.fullmatch(pattern, value):
            raise ValueError(f"it does not match {pattern}")
        return value
    return check


def one_of(*values):
    def check(value):
        if of_type(value, str) not in values:
            raise ValueError(f"there are {', '.join(values)}")
        return value
    return check


def whole(least, most):
    def check(value):
        if not least <= of_type(value, int) <= most:
            raise ValueError(f"{least} to {most}, not {value}")
        return value
    return check


def number(value):
    """Unix seconds, perhaps with a fraction."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("this is no number")
    if not 0 <= value < 1 << 63:
        raise ValueError("this is no time")
    return value


def flag(value):
    return of_type(value, bool)


def blob(most, least=1):
    """Base64 of so many bytes."""
    def check(value):
        try:
            data = base64.b64decode(of_type(value, str), validate=True)
        except ValueError:
            raise TypeError("this is no Base64") from None
        if not least <= len(data) <= most:
            raise ValueError(f"{least} to {most} bytes, not {len(data)}")
        return data
    return check


def list_of(check, most):
    def check_all(values):
        if len(of_type(values, list)) > most:
            raise ValueError(f"{most} at most, not {len(values)}")
        return [check(value) for value in values]
    return check_all


def table(value):
    """Names and texts."""
    for entry in of_type(value, dict).items():
        of_type(entry[0], str), of_type(entry[1], str)
    return value


def encoded(data):
    return base64.b64encode(data).decode()


def page(named, limit, marker):
    """So many of the values in the order of their names, after that of the marker; and what leads to the next page."""
    try:
        after = base64.b64decode(marker or "", validate=True).decode()
    except ValueError:
        raise Fault("BadMarker", "the marker is none that was answered") from None
    names = [name for name in sorted(named) if name > after]
    more = {"Truncated": len(names) > limit}
    if more["Truncated"]:
        more["NextMarker"] = encoded(names[limit - 1].encode())
    return [named[name] for name in names[:limit]], more
