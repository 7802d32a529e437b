"""Run as a program: give native decoders codestreams that are almost right, and say what came out.

A child process of tests/dicom/test_codecs_fuzz.py, so that a crash in a library costs a line of its
output and not the test run. Prints the number of the attempt before each one.
"""

import sys
from dataclasses import replace

import numpy as np

from iryo.dicom import codecs_encode, decode, syntaxes
from iryo.errors import InvalidDicom, TooLarge
from tests.dicom.test_codecs import described

SHAPE = (24, 40)


def seeds(uid: str) -> list[tuple[bytes, int]]:
    """Good codestreams of a syntax, with their samples per pixel."""
    import imagecodecs

    random = np.random.default_rng(5)
    grey = random.integers(0, 4000, SHAPE).astype("<u2")
    colour = random.integers(0, 256, (*SHAPE, 3)).astype(np.uint8)
    if uid == syntaxes.JPEG_BASELINE:
        return [
            (bytes(imagecodecs.jpeg8_encode(colour[..., 0].copy())), 1),
            (bytes(imagecodecs.jpeg8_encode(colour)), 3),
        ]
    found = []
    for array, samples in ((grey, 1), (colour, 3)):
        bits = 8 * array.dtype.itemsize
        description = described(
            uid,
            rows=SHAPE[0],
            columns=SHAPE[1],
            samples=samples,
            bits_allocated=bits,
            bits_stored=bits,
            photometric="RGB" if samples == 3 else "MONOCHROME2",
        )
        found.append((codecs_encode.encode(array, description, uid), samples))
    return found


def main(uid: str, first: int, count: int) -> None:
    good = seeds(uid)
    for attempt in range(first, first + count):
        sys.stdout.write(f"{attempt}\n")
        sys.stdout.flush()
        random = np.random.default_rng(attempt)
        coded, samples = good[attempt % len(good)]
        data = bytearray(coded)
        for _ in range(int(random.integers(1, 6))):
            data[int(random.integers(len(data)))] = int(random.integers(256))
        if attempt % 5 == 0:
            del data[int(random.integers(1, len(data))) :]
        bits = 8 if samples == 3 or uid == syntaxes.JPEG_BASELINE else 16
        description = replace(
            described(uid, rows=SHAPE[0], columns=SHAPE[1], samples=samples),
            bits_allocated=bits,
            bits_stored=bits,
            photometric="RGB" if samples == 3 else "MONOCHROME2",
        )
        try:
            array = decode(bytes(data), description)
        except (InvalidDicom, TooLarge):
            continue
        assert array.shape == description.shape
        assert array.dtype == description.dtype


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
