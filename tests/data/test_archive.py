import io
import pickle
import shutil
import tarfile
import zipfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from atlasjax.data import UnreadableImage, batches, from_archive, members, open_images
from atlasjax.errors import UserError


def png(number: int, size=(5, 4)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, (number % 256, 7, number // 256)).save(file, "PNG")
    return file.getvalue()


def tar(path, entries):
    """Write a tar of names with bytes, or of what a TarInfo is to have."""
    with tarfile.open(path, "w") as archive:
        for name, content in entries:
            info = tarfile.TarInfo(name)
            if isinstance(content, dict):
                for key, value in content.items():
                    setattr(info, key, value)
                archive.addfile(info)
            else:
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
    return path


def zipped(path, entries, packing=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(path, "w", packing) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def stored(path, entries):
    return zipped(path, entries, zipfile.ZIP_STORED)


KINDS = {"a.tar": tar, "a.zip": zipped, "b.zip": stored}
each_kind = pytest.mark.parametrize("kind", KINDS)


@each_kind
def test_folders_within_are_classes_as_in_a_folder(tmp_path, kind):
    entries = [("cat/1.png", png(1)), ("dog/2.png", png(2)), ("cat/x/3.png", png(3))]
    source = from_archive(KINDS[kind](tmp_path / kind, entries))
    assert (source.classes, source.labels) == (("cat", "dog"), (0, 1, 0))
    assert [example.name for example in source] == ["cat/1.png", "dog/2.png", "cat/x/3.png"]
    assert [int(example.image[0, 0, 0]) for example in source] == [1, 2, 3]
    assert source[np.int64(-1)].label == 0
    with pytest.raises(IndexError):
        source[3]


@each_kind
def test_a_folder_that_holds_all_others_is_no_class(tmp_path, kind):
    """As `tar cf photos.tar photos/` packs them."""
    entries = [("./photos/train/cat/1.png", png(1)), ("./photos/train/dog/2.png", png(2))]
    source = from_archive(KINDS[kind](tmp_path / kind, entries))
    assert (source.classes, source.labels) == (("cat", "dog"), (0, 1))
    flat = KINDS[kind](tmp_path / f"flat-{kind}", [("1.png", png(1)), ("2.png", png(2))])
    assert (from_archive(flat).classes, from_archive(flat).labels) == ((), (-1, -1))


@each_kind
def test_classes_are_what_cls_members_say(tmp_path, kind):
    entries = [
        ("00.png", png(1)), ("00.cls", b"wok\n"), ("00.json", b"{}"), ("00.txt", b"a wok"),
        ("a.b/01.left.png", png(2)), ("a.b/01.right.png", png(3)), ("a.b/01.cls", "häst".encode()),
        ("02.png", png(4)),
    ]  # fmt: skip
    source = from_archive(KINDS[kind](tmp_path / kind, entries))
    assert source.classes == ("häst", "wok")
    assert source.labels == (1, 0, 0, -1)
    assert source.passed_over == {".json": 1, ".txt": 1}


def test_classes_that_are_numbers_are_the_labels_themselves(tmp_path):
    entries = [("a.png", png(1)), ("a.cls", b"281"), ("b.png", png(2)), ("b.cls", b" 7\n")]
    source = from_archive(tar(tmp_path / "a.tar", entries))
    assert (source.classes, source.labels) == ((), (281, 7))
    mixed = from_archive(tar(tmp_path / "b.tar", [*entries, ("c.png", b""), ("c.cls", b"9" * 30)]))
    assert mixed.classes == ("281", "7", "9" * 30)  # no numbers then, and no overflow
    assert mixed.labels == (0, 1, 2)


def test_the_key_of_a_cls_is_of_its_own_archive(tmp_path):
    for name, said in ("x-0.tar", b"cat"), ("x-1.tar", b"dog"):
        tar(tmp_path / name, [("0.png", png(1)), ("0.cls", said)])
    source = from_archive(tmp_path / "x-{0..1}.tar")
    assert (source.classes, source.labels) == (("cat", "dog"), (0, 1))
    assert [example.name for example in source] == ["x-0.tar/0.png", "x-1.tar/0.png"]


def test_shards_by_braces_and_wildcards(tmp_path):
    for number in range(12):
        tar(tmp_path / f"x-{number:02}.tar", [(f"{number}.png", png(number))])
    first = [f"x-{n:02}.tar/{n}.png" for n in range(12)]
    assert [e.name for e in open_images(tmp_path / "x-{00..11}.tar")] == first
    assert [e.name for e in open_images(f"{tmp_path}/x-*.tar")] == first
    assert [e.name for e in open_images(f"{tmp_path}/x-{{03,1?}}.tar")] == [first[3], *first[10:]]
    assert len(open_images(f"{tmp_path}/x-*.tar", limit=4)) == 4
    (tmp_path / "{1,2}.tar").write_bytes((tmp_path / "x-03.tar").read_bytes())
    assert open_images(tmp_path / "{1,2}.tar")[0].name == "3.png"  # what is there means itself


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x-{00..03}.tar", r"no archive in '.*' named 'x-02.tar'; did you mean x-01.tar, x-00.tar"),
        ("none-*.tar", r"no archive is called as '.*none-\*.tar' says"),
        ("no/x.tar", r"no archive '.*x.tar': there is no folder '.*no'"),
        ("x-{0..99999999}.tar", "means more than 100000 archives"),
        ("{0..999}{0..999}.tar", r"no archive in|means more than"),
        ("x.tgz", "compressed as a whole.*gunzip"),
        ("text.tar", r"text.tar: a damaged archive, or none"),
        ("text.zip", r"text.zip: a damaged archive, or none"),
        ("empty.tar", r"empty.tar: a damaged archive, or none"),
        ("texts.tar", r"no images in '.*texts.tar'; there are 1 .txt"),
    ],
)
def test_mistakes_are_told_in_one_line(tmp_path, name, message):
    for number in range(2):
        tar(tmp_path / f"x-{number:02}.tar", [("1.png", png(1))])
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("1.png"))
    (tmp_path / "text.tar").write_text("no archive " * 100)
    (tmp_path / "text.zip").write_text("no archive " * 100)
    (tmp_path / "empty.tar").touch()
    tar(tmp_path / "texts.tar", [("1.txt", b"")])
    with pytest.raises(UserError, match=message) as refused:
        open_images(tmp_path / name)
    assert "\n" not in str(refused.value)


def test_archives_are_known_by_what_they_begin_with(tmp_path):
    tar(tmp_path / "one", [("1.png", png(1))])
    zipped(tmp_path / "two", [("1.png", png(1))])
    assert len(open_images(tmp_path / "one")) == len(open_images(tmp_path / "two")) == 1
    (tmp_path / "folder").mkdir()
    tar(tmp_path / "folder" / "x.tar", [("1.png", png(1))])
    with pytest.raises(UserError, match=r"there are 1 \.tar; archives are named themselves"):
        open_images(tmp_path / "folder")


def test_members_without_an_ending_are_known_by_their_content(tmp_path):
    entries = [("one", png(1)), ("two", b"text"), ("three.foo", png(3)), ("._one", png(4))]
    entries += [("__MACOSX/._one", b""), (".git/x.png", png(5))]
    source = from_archive(zipped(tmp_path / "a.zip", entries))
    assert [example.name for example in source] == ["one", "three.foo"]
    assert source.passed_over == {"no ending": 1}


OUTSIDE = ["../x.png", "/etc/x.png", "a/../../x.png", "C:/x.png", "..\\x.png", "\\\\host\\x.png"]


@pytest.mark.parametrize("name", OUTSIDE)
@each_kind
def test_names_that_lead_out_are_left_out_by_name(tmp_path, kind, name):
    within = tmp_path / "within"
    within.mkdir()
    (tmp_path / "x.png").write_bytes(png(9))
    path = KINDS[kind](within / kind, [(name, png(1)), ("good.png", png(2))])
    source = from_archive(path)
    assert [example.name for example in source] == ["good.png"]
    (line,) = source.left_out
    assert line.endswith(": a name that leads out of the archive")
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == sorted(["x.png", kind])


def test_links_and_devices_are_left_out_by_name(tmp_path):
    (tmp_path / "secret.png").write_bytes(png(9))
    link = {"type": tarfile.SYMTYPE, "linkname": "secret.png"}
    odd = {
        "soft.png": link,
        "absolute.png": link | {"linkname": str(tmp_path / "secret.png")},
        "hard.png": {"type": tarfile.LNKTYPE, "linkname": "good.png"},
        "pipe.png": {"type": tarfile.FIFOTYPE},
        "device.png": {"type": tarfile.CHRTYPE, "devmajor": 1, "devminor": 5},
        "block.png": {"type": tarfile.BLKTYPE},
    }
    source = from_archive(tar(tmp_path / "a.tar", [("good.png", png(1)), *odd.items()]))
    assert [example.name for example in source] == ["good.png"]
    assert [line.partition(": ")[0] for line in source.left_out] == list(odd)

    info = zipfile.ZipInfo("link.png")
    info.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr(info, str(tmp_path / "secret.png"))
        archive.writestr("good.png", png(1))
    source = from_archive(tmp_path / "a.zip")
    assert source.left_out == ("link.png: a link, not followed",)
    assert len(source) == 1


def test_the_last_of_several_of_one_name_counts(tmp_path):
    source = from_archive(tar(tmp_path / "a.tar", [("a.png", png(1)), ("./a.png", png(2))]))
    assert [int(example.image[0, 0, 0]) for example in source] == [2]


def test_a_member_that_claims_too_much_is_left_out(tmp_path, monkeypatch):
    path = zipped(tmp_path / "a.zip", [("bomb.png", bytes(3 << 20)), ("good.png", png(1))])
    assert path.stat().st_size < 10_000
    monkeypatch.setattr(members, "MOST", 1 << 20)
    source = from_archive(path)
    assert [example.name for example in source] == ["good.png"]
    assert source.left_out[0].startswith("bomb.png: more than")


def test_a_member_never_becomes_longer_than_it_claims(tmp_path):
    content = bytearray(zipped(tmp_path / "a.zip", [("a.png", bytes(3 << 20))]).read_bytes())
    at = content.index(b"PK\1\2")
    content[at + 24 : at + 28] = (100).to_bytes(4, "little")  # what it has once unpacked
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UnreadableImage, match=r"a.png: damaged: it has not the checksum"):
        open_images(tmp_path / "a.zip")[0]


def test_what_a_zip_knows_to_be_damaged_is_unreadable(tmp_path):
    grey = io.BytesIO()
    Image.new("L", (50, 50)).save(grey, "BMP")  # in which any byte may be any other
    content = bytearray(stored(tmp_path / "a.zip", [("a.bmp", grey.getvalue())]).read_bytes())
    content[1500] ^= 1
    (tmp_path / "a.zip").write_bytes(content)
    with pytest.raises(UnreadableImage, match=r"a.bmp: damaged: it has not the checksum"):
        open_images(tmp_path / "a.zip")[0]


def test_other_packings_and_passwords_are_left_out(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("good.png", png(1))
        archive.writestr("bz.png", png(1), zipfile.ZIP_BZIP2)
        archive.writestr("lzma.png", png(1), zipfile.ZIP_LZMA)
        archive.writestr("secret.png", png(1))
    content = bytearray((tmp_path / "a.zip").read_bytes())
    at = content.rindex(b"PK\1\2")
    content[at + 8] |= 1
    (tmp_path / "a.zip").write_bytes(content)
    assert from_archive(tmp_path / "a.zip").left_out == (
        "bz.png: packed by bzip2, of which only store and deflate are read",
        "lzma.png: packed by lzma, of which only store and deflate are read",
        "secret.png: encrypted",
    )


def test_a_cut_tar_is_refused_wherever_it_is_cut(tmp_path):
    """Python stops at a damaged header without a word, and the images behind it are missing."""
    whole = tar(tmp_path / "a.tar", [(f"{n}.png", png(n)) for n in range(4)]).read_bytes()
    cut = tmp_path / "cut.tar"
    for length in (100, 512, 600, 1024, 2048, 2100, 2500, 4096):
        cut.write_bytes(whole[:length])
        with pytest.raises(UserError, match=r"cut.tar: a damaged archive, or none \(.+\)$"):
            from_archive(cut)
    for start in (0, 1024, 3072):
        cut.write_bytes(whole[:start] + bytes(512) + whole[start + 512 :])
        with pytest.raises(UserError, match=r"cut.tar: a damaged archive, or none"):
            from_archive(cut)
        damaged = bytearray(whole)
        damaged[start + 3] ^= 1
        cut.write_bytes(damaged)
        with pytest.raises(UserError, match=r"cut.tar: a damaged archive, or none"):
            from_archive(cut)
    cut.write_bytes(whole + whole)
    with pytest.raises(UserError, match=r"several joined into one.*tar --ignore-zeros"):
        from_archive(cut)


def test_headers_that_claim_negative_sizes_do_not_go_round(tmp_path):
    """With sizes below zero in extended headers Python's own reader once went round for ever."""
    with tarfile.open(tmp_path / "a.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        info = tarfile.TarInfo("a.png")
        info.pax_headers = {"size": "-1536"}
        archive.addfile(info)
        archive.addfile(tarfile.TarInfo("b.png"))
    with pytest.raises(UserError, match="a damaged archive, or none"):
        from_archive(tmp_path / "a.tar")


@each_kind
def test_any_thread_and_process_reads_any_image(tmp_path, kind):
    path = KINDS[kind](tmp_path / kind, [(f"{n}.png", png(n)) for n in range(300)])
    source = from_archive(path)
    order = np.random.default_rng(0).permutation(300)
    with ThreadPoolExecutor(8) as pool:
        red = list(pool.map(lambda i: source[i].image[0, 0, ::2].tolist(), order))
    assert red == [[n % 256, n // 256] for n in order]
    again = pickle.loads(pickle.dumps(source))  # as workers get it
    np.testing.assert_array_equal(again[17].image, source[17].image)
    assert again.fingerprint() == source.fingerprint()
    (first, *_) = batches(source, 300, image_size=4, resize=4)
    assert first.images[:, 0, 0, 0].tolist() == [n % 256 for n in range(300)]


@each_kind
def test_the_fingerprint_follows_a_copy_but_not_a_change(tmp_path, kind):
    entries = [("a/1.png", png(1)), ("b/2.png", png(2))]
    path = KINDS[kind](tmp_path / kind, entries)
    original = open_images(path).fingerprint()
    (tmp_path / "elsewhere").mkdir()
    shutil.copyfile(path, tmp_path / "elsewhere" / f"other-{kind}")
    assert open_images(tmp_path / "elsewhere" / f"other-{kind}").fingerprint() == original
    for changed in (
        [("a/1.png", png(3)), ("b/2.png", png(2))],
        [("b/2.png", png(2)), ("a/1.png", png(1))],
        [("a/1.png", png(1)), ("c/2.png", png(2))],
        [*entries, ("a/1.cls", b"c")],
        entries[:1],
    ):
        assert open_images(KINDS[kind](tmp_path / kind, changed)).fingerprint() != original
    KINDS[kind](tmp_path / kind, entries)
    assert open_images(path, range=(0, 9)).fingerprint() != original
    assert open_images(path, limit=1).fingerprint() != original


def test_an_archive_that_disappears_is_unreadable(tmp_path):
    path = tar(tmp_path / "a.tar", [("a.png", png(1))])
    source = from_archive(path)
    path.unlink()
    with pytest.raises(UnreadableImage, match=r"^a.png: No such file or directory$"):
        source[0]
    assert len(source.fingerprint()) == 64


def test_values_beyond_8_bits_take_a_range(tmp_path):
    file = io.BytesIO()
    np.save(file, np.full((4, 4), 2048, np.uint16))
    path = zipped(tmp_path / "a.zip", [("a.npy", file.getvalue())])
    assert open_images(path, range=(0, 4096))[0].image[0, 0, 0] == 128
    assert open_images(path, range="auto")[0].image.dtype == np.uint8


@settings(
    max_examples=150,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_a_damaged_archive_is_refused_or_its_images_are_right(tmp_path, kind, data):
    entries = [(f"c{n % 2}/{n}.png", png(n)) for n in range(3)] + [("c0/0.cls", b"4")]
    content = bytearray(KINDS[kind](tmp_path / kind, entries).read_bytes())
    cut = data.draw(st.integers(0, len(content)))
    content = content[:cut] if data.draw(st.booleans()) else content
    for _ in range(data.draw(st.integers(0, 3)) if content else 0):
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "damaged"
    path.write_bytes(content)
    with suppress(UserError):
        source = from_archive(path)
        assert "\n" not in "".join(source.left_out)
        for index in range(len(source)):
            with suppress(UnreadableImage):
                example = source[index]
                assert example.image.ndim == 3
                if "tar" not in kind:  # which has no checksums of what is in it
                    assert (example.image[0, 0] == [example.image[0, 0, 0], 7, 0]).all()


@each_kind
def test_names_that_are_no_text_can_be_printed(tmp_path, kind):
    name = "<img src=x onerror=alert(1)>\n\x1b[31m"
    source = from_archive(KINDS[kind](tmp_path / kind, [(f"{name}/\x07.png", png(1))]))
    (only,) = source.classes
    assert only.startswith("<img src=x onerror=alert(1)>\\n\\x1b")  # text, and shown as such
    assert only.isprintable()
    assert source[0].name.isprintable()
