"""What a file is that no decoder here reads: an image of another format, which counts, or obviously none.

By its first bytes, then by its name. What is neither text nor of an ending of ``_NO_IMAGES`` may be an image and
counts.
"""

import re
from pathlib import PurePosixPath

NOT_AN_IMAGE = "not an image file"  # what the reason of a file begins with that is obviously none
EMPTY = "empty file"

_FORMATS = """
HEIC: heic heif heics hif
AVIF: avif avifs
JPEG XL: jxl
JPEG 2000: jp2 j2k jpf jpx jpm j2c jpc
JPEG XR: jxr wdp hdp
JPEG-LS: jls
RAW: 3fr arw bay cr2 cr3 crw dcr dcs dng erf fff gpr iiq k25 kdc mef mos mrw nef nrw orf pef ptx raf raw rw2 rwl sr2
RAW: srf srw x3f
Photoshop: psd psb
SVG: svg svgz
ICO: ico cur icns
PDF: pdf
PostScript: eps ps ai
TGA: tga targa
PCX: pcx
DDS: dds
OpenEXR: exr
Radiance: hdr
DICOM: dcm dicom
FITS: fits fit
NIfTI: nii
GIMP: xcf
BPG: bpg
QOI: qoi
SGI: sgi rgb rgba
X bitmap: xbm xpm
PFM: pfm
PAM: pam
metafile: wmf emf
DjVu: djvu djv
MNG: mng jng
"""
_BY_ENDING = {
    f".{ending}": name
    for name, _, endings in (line.partition(": ") for line in _FORMATS.strip().split("\n"))
    for ending in endings.split()
}
_BY_BRAND = {b"crx ": "RAW"}  # of ISO base media files that are read here neither; any other is of a video
_FILM = "film"
_BY_MAGIC = {
    b"8BPS": "Photoshop",
    b"%PDF-": "PDF",
    b"%!PS-Adobe": "PostScript",
    b"\0\0\0\x0cJXL ": "JPEG XL",
    b"\xff\x0a": "JPEG XL",
    b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"II\xbc": "JPEG XR",
    b"\0\0\1\0": "ICO",
    b"icns": "ICO",
    b"v/1\1": "OpenEXR",
    b"#?RADIANCE": "Radiance",
    b"DDS ": "DDS",
    b"gimp xcf": "GIMP",
    b"BPG\xfb": "BPG",
    b"qoif": "QOI",
    b"P7\n": "PAM",
    b"FUJIFILMCCD-RAW": "RAW",
    b"IIU\0": "RAW",
    b"IIRO": "RAW",
    b"IIRS": "RAW",
    b"FOVb": "RAW",
    b"\0MRM": "RAW",
    b"AT&TFORM": "DjVu",
    b"\x8aMNG": "MNG",
    b"SIMPLE  =": "FITS",
    b"<svg": "SVG",
}
# Text, documents, sidecars of cameras and programs, tables and arrays, films and sounds, files of systems.
_NO_IMAGES = """
txt md rst csv tsv json jsonl ndjson xml yaml yml toml ini cfg conf log html htm css js py pyc ipynb sh bat c cpp h m
doc docx odt rtf tex bib xls xlsx ods ppt pptx odp epub
xmp aae thm pp3 dop cos lrv lrcat exif pto
mat npy npz pkl pickle h5 hdf5 pt pth onnx safetensors tfrecord tfrecords parquet feather arrow lmdb mdb db sqlite
mp4 mov avi mkv webm m4v mpg mpeg wmv 3gp mts flv mp3 wav m4a aac ogg oga opus flac wma srt vtt
lock tmp md5 sha1 sha256 sig asc torrent nomedia
"""
_NO_IMAGE_ENDINGS = frozenset(f".{ending}" for ending in _NO_IMAGES.split())
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")


def seems_no_image(path: str) -> bool:
    """Whether a file is obviously no image by its name alone."""
    return PurePosixPath(path).suffix.lower() in _NO_IMAGE_ENDINGS


def why_not_read(path: str, size: int, beginning: bytes) -> str:
    """The reason why a file that is of no format that is read here is not used.

    Args:
      size: of the file, in bytes.
      beginning: its first bytes, about 32.
    """
    suffix = PurePosixPath(path).suffix.lower()
    kind = _kind_by_content(beginning) or _BY_ENDING.get(suffix, "")
    if kind and kind != _FILM:
        return f"unsupported format {kind}"
    if kind == _FILM or suffix in _NO_IMAGE_ENDINGS:
        return f"{NOT_AN_IMAGE}: {suffix or 'by its content'}"
    if not size:
        return EMPTY
    if not beginning:
        return "cannot be read: its beginning is damaged"
    if _is_text(beginning):
        return f"{NOT_AN_IMAGE}: {suffix or 'by its content'}"
    return f"unknown format {suffix}".rstrip()


def _kind_by_content(beginning: bytes) -> str:
    if beginning[4:8] == b"ftyp":
        return _BY_BRAND.get(beginning[8:12], _FILM)
    return next((kind for magic, kind in _BY_MAGIC.items() if beginning.startswith(magic)), "")


def _is_text(beginning: bytes) -> bool:
    """Whether this looks like text of any encoding: no control characters, and mostly ASCII or valid UTF-8."""
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):  # UTF-16
        return True
    if _CONTROL.search(beginning):
        return False
    return sum(byte > 0x7F for byte in beginning) * 3 <= len(beginning) or bool(_is_utf8(beginning))


def _is_utf8(beginning: bytes) -> bool:
    try:
        beginning.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(beginning) - 3  # the last character is cut
    return True
