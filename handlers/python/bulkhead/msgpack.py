# SPDX-License-Identifier: Apache-2.0
"""MessagePack, as much as a handler needs: contexts are read, records are written.

Not a general library: what may not stand in a record is refused, such as keys that
are not str and nesting that the supervisor would not read.
"""
import struct

MAX_DEPTH = 32  # of a record, which is 1 itself


class Ext:
    """A value of an extension type: `type` from -128 to 127, `data` bytes."""

    __slots__ = ("type", "data")

    def __init__(self, type, data):
        self.type = type
        self.data = bytes(data)

    def __eq__(self, other):
        return isinstance(other, Ext) and (self.type, self.data) == (other.type, other.data)

    def __hash__(self):
        return hash((self.type, self.data))

    def __repr__(self):
        return f"Ext({self.type}, {self.data!r})"


# ---- writing ----

def _head(out, size, fixed, most_fixed, *sized):
    """The first bytes of a value with a length. `sized`: code and format for each width."""
    if size < most_fixed:
        out.append(fixed | size)
        return
    for code, layout, limit in sized:
        if size < limit:
            out += struct.pack(layout, code, size)
            return
    raise ValueError(f"a value of {size} bytes or members is too large for MessagePack")


def _pack_int(out, value):
    if -32 <= value < 128:
        out.append(value & 0xFF)
    elif 0 <= value < 1 << 64:
        code, layout = ((0xCC, ">BB") if value < 1 << 8 else (0xCD, ">BH") if value < 1 << 16
                        else (0xCE, ">BI") if value < 1 << 32 else (0xCF, ">BQ"))
        out += struct.pack(layout, code, value)
    elif -1 << 63 <= value < 0:
        code, layout = ((0xD0, ">Bb") if value >= -1 << 7 else (0xD1, ">Bh") if value >= -1 << 15
                        else (0xD2, ">Bi") if value >= -1 << 31 else (0xD3, ">Bq"))
        out += struct.pack(layout, code, value)
    else:
        raise OverflowError(f"{value} does not fit in 64 bits")


def _pack_str(out, value):
    data = value.encode()
    _head(out, len(data), 0xA0, 32, (0xD9, ">BB", 1 << 8), (0xDA, ">BH", 1 << 16),
          (0xDB, ">BI", 1 << 32))
    out += data


def _pack_bin(out, value):
    _head(out, len(value), 0, 0, (0xC4, ">BB", 1 << 8), (0xC5, ">BH", 1 << 16),
          (0xC6, ">BI", 1 << 32))
    out += value


def _pack_ext(out, value):
    size = len(value.data)
    if size in (1, 2, 4, 8, 16):
        out.append(0xD4 + size.bit_length() - 1)
    else:
        _head(out, size, 0, 0, (0xC7, ">BB", 1 << 8), (0xC8, ">BH", 1 << 16),
              (0xC9, ">BI", 1 << 32))
    out += struct.pack(">b", value.type)
    out += value.data


def _pack_list(out, value, depth):
    _head(out, len(value), 0x90, 16, (0xDC, ">BH", 1 << 16), (0xDD, ">BI", 1 << 32))
    for item in value:
        _pack(out, item, depth + 1)


def _pack_dict(out, value, depth):
    _head(out, len(value), 0x80, 16, (0xDE, ">BH", 1 << 16), (0xDF, ">BI", 1 << 32))
    for key, item in value.items():
        if not isinstance(key, str):
            raise TypeError(f"the key {key!r} is not a str")
        _pack_str(out, key)
        _pack(out, item, depth + 1)


def _pack(out, value, depth):
    if value is None:
        out.append(0xC0)
    elif value is True or value is False:
        out.append(0xC3 if value else 0xC2)
    elif isinstance(value, str):
        _pack_str(out, value)
    elif isinstance(value, int):
        _pack_int(out, value)
    elif isinstance(value, float):
        out += struct.pack(">Bd", 0xCB, value)
    elif isinstance(value, (bytes, bytearray, memoryview)):
        _pack_bin(out, bytes(value))
    elif isinstance(value, Ext):
        _pack_ext(out, value)
    elif depth > MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    elif isinstance(value, dict):
        _pack_dict(out, value, depth)
    elif isinstance(value, (list, tuple)):
        _pack_list(out, value, depth)
    else:
        raise TypeError(f"a {type(value).__name__} has no form in MessagePack")


def pack(value):
    """One value as bytes.

    TypeError for what has no form, OverflowError for integers beyond 64 bits, ValueError
    for nesting deeper than 32 and for text that is not valid Unicode.
    """
    out = bytearray()
    _pack(out, value, 1)
    return bytes(out)


# ---- reading ----

# First bytes that a number follows: its layout, and what it is.
_NUMBERED = {
    0xC4: (">B", "bin"), 0xC5: (">H", "bin"), 0xC6: (">I", "bin"),
    0xC7: (">B", "ext"), 0xC8: (">H", "ext"), 0xC9: (">I", "ext"),
    0xCA: (">f", "number"), 0xCB: (">d", "number"),
    0xCC: (">B", "number"), 0xCD: (">H", "number"), 0xCE: (">I", "number"), 0xCF: (">Q", "number"),
    0xD0: (">b", "number"), 0xD1: (">h", "number"), 0xD2: (">i", "number"), 0xD3: (">q", "number"),
    0xD9: (">B", "str"), 0xDA: (">H", "str"), 0xDB: (">I", "str"),
    0xDC: (">H", "array"), 0xDD: (">I", "array"), 0xDE: (">H", "map"), 0xDF: (">I", "map"),
}
_NUMBERED = {code: (struct.Struct(layout), kind) for code, (layout, kind) in _NUMBERED.items()}
_CONSTANTS = {0xC0: None, 0xC2: False, 0xC3: True}


def _hashable(key):
    """Keys inside a task's params may be anything."""
    if isinstance(key, list):
        return tuple(_hashable(item) for item in key)
    if isinstance(key, dict):
        return tuple((_hashable(name), _hashable(item)) for name, item in key.items())
    return key


class _Reader:
    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, size):
        start = self.at
        self.at += size
        if self.at > len(self.data):
            raise ValueError("the data ends inside a value")
        return self.data[start:self.at]

    def head(self):
        """The kind of the next value, and its number: a length, or the value itself."""
        first = self.take(1)[0]
        if first < 0x80:
            return "number", first
        if first < 0x90:
            return "map", first & 0x0F
        if first < 0xA0:
            return "array", first & 0x0F
        if first < 0xC0:
            return "str", first & 0x1F
        if first >= 0xE0:
            return "number", first - 0x100
        if 0xD4 <= first <= 0xD8:
            return "ext", 1 << (first - 0xD4)
        if first in _CONSTANTS:
            return "constant", _CONSTANTS[first]
        if first not in _NUMBERED:
            raise ValueError(f"0x{first:02x} begins no value")
        layout, kind = _NUMBERED[first]
        return kind, layout.unpack(self.take(layout.size))[0]

    def value(self):
        kind, number = self.head()
        if kind in ("number", "constant"):
            return number
        if kind == "str":
            return str(self.take(number), "utf-8")
        if kind == "bin":
            return bytes(self.take(number))
        if kind == "ext":
            type, = struct.unpack("b", self.take(1))
            return Ext(type, self.take(number))
        if kind == "array":
            return [self.value() for _ in range(number)]
        return {_hashable(self.value()): self.value() for _ in range(number)}


def unpack(data):
    """The one value that `data`, bytes or the like, holds. ValueError where it doesn't."""
    reader = _Reader(memoryview(data))
    value = reader.value()
    if reader.at != len(reader.data):
        raise ValueError(f"{len(reader.data) - reader.at} bytes follow the value")
    return value
