"""Pointers: small texts that lie where a large file should.

Git LFS and git-annex leave them in a checkout that has not fetched its large files, and a download
that failed leaves the page that said so.
"""

HEAD = 512  # bytes in which a pointer shows


def stand_in(head: bytes) -> str | None:
    r"""Return what lies in place of a file, and what to do; None where nothing tells.

    Args:
        head: the first bytes of the file, `HEAD` of them if there are as many.

    >>> stand_in(b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    'a Git LFS pointer to 12345 bytes that were not fetched: run `git lfs pull` in its folder'
    >>> stand_in(b"\x89PNG") is None
    True
    """
    text = head.decode("utf-8", "replace").strip()
    start = text.lower()
    if start.startswith(("version https://git-lfs.github.com/", "version https://hawser.github.")):
        words = text.split()
        size = words[words.index("size") + 1] if "size" in words[:-1] else "some"
        return (
            f"a Git LFS pointer to {size} bytes that were not fetched: run `git lfs pull` in its "
            "folder"
        )
    if start.startswith(("/annex/objects/", "../")) and "annex/objects/" in start:
        return "a git-annex pointer to a file that was not fetched: run `git annex get` for it"
    if start.startswith(("<!doctype html", "<html")):
        return "a page in HTML, as a download that failed leaves it: fetch the file again"
    return None
