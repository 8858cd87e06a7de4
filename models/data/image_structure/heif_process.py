"""The process that decodes one HEIC or AVIF image, from its input to its output: run as a file, not imported from here.

It imports Pillow and pillow-heif only. Time and memory are bounded by the operating system.
"""

import io
import resource
import sys

REFUSED = 3  # exit code; the reason is the last line on standard error


def main(kind: str, max_pixels: int, max_frames: int, seconds: int, memory: int) -> str:
    """Writes mode, width, height and the pixels; returns the reason why not, else ""."""
    _limit(resource.RLIMIT_CPU, seconds)
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CORE, 0)
    from PIL import AvifImagePlugin, Image, ImageOps

    AvifImagePlugin.DEFAULT_MAX_THREADS = 2  # each one takes of the memory
    data, formats = io.BytesIO(sys.stdin.buffer.read()), ["AVIF"]
    if kind == "HEIC":
        import pillow_heif

        pillow_heif.options.DECODE_THREADS = 2
        pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
        pillow_heif.register_heif_opener()
        formats = ["HEIF"]
    Image.MAX_IMAGE_PIXELS = None
    otherwise = f"damaged header: {kind}"
    try:
        image = Image.open(data, formats=formats)
        otherwise = "damaged: its data cannot be decoded"
        width, height = image.size
        if width * height > max_pixels:
            return f"too many pixels: {width}x{height} > {max_pixels}"
        if getattr(image, "n_frames", 1) > max_frames:
            return f"too many frames: more than {max_frames}"
        ImageOps.exif_transpose(image, in_place=True)
        sys.stdout.buffer.write(f"{image.mode} {image.width} {image.height}\n".encode())
        sys.stdout.buffer.write(image.tobytes())
    except MemoryError:
        return f"over budget: {kind} of more than {memory // 1024**2} MB"
    except Exception as error:  # noqa: BLE001 - any class
        return "truncated" if "truncated" in str(error).lower() else otherwise
    return ""


def _limit(what: int, most: int) -> None:
    """Sets a limit, or keeps the lower one that the environment has set."""
    _, hard = resource.getrlimit(what)
    limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (limit, hard))


if __name__ == "__main__":
    sys.path = sys.argv[1].split(":")
    if why := main(sys.argv[2], *map(int, sys.argv[3:])):
        sys.stderr.write("\n" + why)
        sys.exit(REFUSED)
