"""The process that decodes one HEIC or AVIF image, from its input to its output: run as a file, not imported from here.

It imports Pillow and pillow-heif only. Time and memory are bounded by the operating system.
"""

import io
import resource
import sys

SECONDS = 30  # of a core
MEMORY = 4 * 1024**3
REFUSED = 3  # exit code; the reason is on standard error


def main(kind: str, max_pixels: int, max_frames: int) -> str:
    """Writes the image as PNG; returns the reason why not, else ""."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS + 5))
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    from PIL import Image, ImageOps

    data, formats = io.BytesIO(sys.stdin.buffer.read()), ["AVIF"]
    if kind == "HEIC":
        import pillow_heif

        pillow_heif.options.DECODE_THREADS = 2
        pillow_heif.options.THUMBNAILS = pillow_heif.options.DEPTH_IMAGES = pillow_heif.options.AUX_IMAGES = False
        pillow_heif.register_heif_opener()
        formats = ["HEIF"]
    Image.MAX_IMAGE_PIXELS = None
    try:
        image = Image.open(data, formats=formats)
    except Exception:  # noqa: BLE001 - any class
        return f"damaged header: {kind}"
    width, height = image.size
    if width * height > max_pixels:
        return f"too many pixels: {width}x{height} > {max_pixels}"
    if getattr(image, "n_frames", 1) > max_frames:
        return f"too many frames: more than {max_frames}"
    try:
        upright = ImageOps.exif_transpose(image)
        upright.info = {}
        upright.save(sys.stdout.buffer, "PNG", compress_level=1)
    except MemoryError:
        return f"over budget: {kind} of more than {MEMORY // 1024**3} GB"
    except Exception as error:  # noqa: BLE001 - any class
        return "truncated" if "truncated" in str(error).lower() else "damaged: its data cannot be decoded"
    return ""


if __name__ == "__main__":
    if why := main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])):
        sys.stderr.write("\n" + why)
        sys.exit(REFUSED)
