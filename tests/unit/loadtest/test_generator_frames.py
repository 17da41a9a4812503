"""Frames: whole ones come out, however the bytes were cut."""

import pytest
from loadtest.generator import frames


def _three() -> tuple[bytes, list[frames.Frame]]:
    made = [
        frames.Frame(frames.HEADERS, frames.END_HEADERS, 1, b"\x88"),
        frames.Frame(frames.DATA, 0, 1, bytes(range(200)) * 400),  # more than 65,535 bytes
        frames.Frame(frames.PING, 0, 0, b"12345678"),
    ]
    return b"".join(frames.frame(*one) for one in made), made


@pytest.mark.parametrize("size", [1, 8, 9, 10, 4096, 1 << 20])
def test_frames_split_over_reads_come_out_whole(size: int) -> None:
    sent, made = _three()
    reader = frames.Reader()
    read = [frame for at in range(0, len(sent), size) for frame in reader.feed(sent[at : at + size])]
    assert read == made


def test_padding_and_priority_are_taken_off() -> None:
    padded = frames.frame(frames.DATA, frames.PADDED, 3, b"\x02body\0\0")
    prior = frames.frame(frames.HEADERS, frames.PADDED | frames.PRIORITY, 3, b"\x01\0\0\0\0\x10\x88\0")
    assert [frame.payload for frame in frames.Reader().feed(padded + prior)] == [b"body", b"\x88"]


def test_settings_are_read_back() -> None:
    (frame,) = frames.Reader().feed(frames.settings({frames.MAX_CONCURRENT_STREAMS: 7, frames.INITIAL_WINDOW_SIZE: 9}))
    assert frames.settings_of(frame.payload) == {3: 7, 4: 9}
