"""What Slipway asks of one tree of files: `tree.py walk FOLDER [quick]`, `tree.py listed ARCHIVE`, `tree.py exchange ONE OTHER`."""

import ctypes
import errno
import hashlib
import json
import os
import stat
import sys
import tarfile

CANNOT = 3
KINDS = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link", stat.S_IFIFO: "pipe", stat.S_IFCHR: "device", stat.S_IFBLK: "device"}


def walk(top, option="whole"):
    """One line an entry, sorted: what makes two trees equal. `quick`: without their content. Links are told, never followed."""
    lines = [told("", top, option)] if os.path.isdir(top) else []
    for folder, folders, files in os.walk(top, onerror=refuse):
        for name in folders + files:
            path = os.path.join(folder, name)
            lines.append(told(os.path.relpath(path, top), path, option))
    show(lines)


def told(name, path, option):
    found = os.lstat(path)
    kind = KINDS.get(stat.S_IFMT(found.st_mode))
    # An archive holds no socket: it is of the process that made it.
    if kind is None:
        return None
    content = None
    if kind == "link":
        content = os.readlink(path)
    elif kind == "file" and option == "whole":
        with open(path, "rb") as file:
            content = sha256(file)
    return line(name, kind, found.st_size, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid, found.st_mtime, content, attributes(path))


def attributes(path):
    """Those that anybody may set; whose the others are, an archive tells in its own words."""
    try:
        names = [name for name in os.listxattr(path, follow_symlinks=False) if name.startswith("user.")]
        return {name: os.getxattr(path, name, follow_symlinks=False) for name in names}
    except OSError as error:
        if error.errno not in (errno.ENOTSUP, errno.EPERM):
            raise
        return {}


def stored_attributes(member):
    prefix = "SCHILY.xattr."
    found = {key[len(prefix):]: value for key, value in member.pax_headers.items() if key.startswith(prefix + "user.")}
    return {name: value.encode("utf-8", "surrogateescape") for name, value in found.items()}


def listed(archive):
    """The same lines, of what an archive holds."""
    lines, contents = [], {}
    with tarfile.open(archive, "r:") as tar:
        for member in tar:
            name = os.path.normpath(member.name)
            name = "" if name == "." else name
            common = (member.mode, member.uid, member.gid, member.mtime)
            if member.isdir():
                lines.append(line(name, "folder", 0, *common, None, stored_attributes(member)))
            elif member.issym():
                lines.append(line(name, "link", 0, *common, member.linkname))
            elif member.isreg():
                contents[name] = (member.size, sha256(tar.extractfile(member)), stored_attributes(member))
                lines.append(line(name, "file", member.size, *common, *contents[name][1:]))
            elif member.islnk():
                size, *content = contents[os.path.normpath(member.linkname)]
                lines.append(line(name, "file", size, *common, *content))
            else:
                lines.append(line(name, "pipe" if member.isfifo() else "device", 0, *common, None))
    show(lines)


def sha256(file):
    hashed = hashlib.sha256()
    while some := file.read(1 << 20):
        hashed.update(some)
    return hashed.hexdigest()


def line(name, kind, size, mode, uid, gid, mtime, content, attributes={}):
    # Whole seconds: an archive rounds the rest. A folder's size is the filesystem's own, and a link has no mode.
    told = [os.fsencode(name).decode("utf-8", "surrogateescape"), kind, size if kind == "file" else 0, 0 if kind == "link" else mode, uid, gid, int(mtime // 1), content]
    # Told only where there are some: manifests of before know of none.
    return json.dumps(told + ([[[name, value.hex()] for name, value in sorted(attributes.items())]] if attributes else []))


def show(lines):
    for one in sorted(one for one in lines if one is not None):
        print(one)


def exchange(one, other):
    """Each gets the other's name, in one moment. Ends with 3 where the filesystem cannot."""
    libc = ctypes.CDLL(None, use_errno=True)
    try:
        result = libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2)
    except AttributeError:
        sys.exit(CANNOT)
    if result != 0:
        number = ctypes.get_errno()
        if number in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            sys.exit(CANNOT)
        raise OSError(number, os.strerror(number), one)


def refuse(error):
    raise error


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    try:
        {"walk": walk, "listed": listed, "exchange": exchange}[command](*arguments)
    except (OSError, tarfile.TarError) as error:
        print(f"{arguments[0]}: {error}", file=sys.stderr)
        sys.exit(1)
