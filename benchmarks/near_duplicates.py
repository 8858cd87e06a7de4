"""Near-duplicates: how often the hash confuses different images, and how often it finds planted copies.

    python -m benchmarks near_duplicates --images DIR --height 64 --width 64 [--channels 3] [--limit 3000]

For each distance in bits: pairs of images of one identity (some are real near-duplicates), pairs of two identities
(false positives, except for wrong labels), and the share of 200 changed copies within that distance.
"""

import argparse
import hashlib
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from components.image_example_gen.near_duplicates import find_near, perceptual_hashes
from components.storage.folders import LocalFolder, find_images

DISTANCES = (0, 1, 2, 3, 4, 6, 8)
COPIES = 200


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--images", type=Path, required=True, help="every image below it; its folder is its identity")
    parser.add_argument("--height", type=int, required=True)
    parser.add_argument("--width", type=int, required=True)
    parser.add_argument("--channels", type=int, default=1, choices=(1, 3))
    parser.add_argument("--limit", type=int, default=3000, help="images, chosen by the hash of their names")
    args = parser.parse_args()
    names = [args.images / image.path for image in find_images(LocalFolder(str(args.images)))[0]]
    drawn = sorted(names, key=lambda path: hashlib.sha256(path.name.encode()).digest())[: args.limit]
    images = [Image.open(path).convert("RGB" if args.channels == 3 else "L") for path in drawn]

    def hashed(image: Image.Image) -> str:
        pixels = np.asarray(image.convert(images[0].mode).resize((args.width, args.height), Image.Resampling.BILINEAR))
        return perceptual_hashes([pixels.reshape(args.height, args.width, args.channels)])[0]

    hashes = [hashed(image) for image in images]
    near = find_near(hashes, max(DISTANCES))
    same = [drawn[pair.a].parent == drawn[pair.b].parent for pair in near]
    print(f"{len(images):,} images, {len({path.parent for path in drawn}):,} identities")
    print("| bits | pairs of one identity | pairs of two | " + " | ".join(CHANGES) + " |")
    print("|---:|---:|---:|" + "---:|" * len(CHANGES))
    apart = {
        name: [_bits(hashes[row], hashed(change(image))) for row, image in enumerate(images[:COPIES])]
        for name, change in CHANGES.items()
    }
    for distance in DISTANCES:
        within = [is_same for pair, is_same in zip(near, same, strict=True) if pair.distance <= distance]
        found = " | ".join(f"{np.mean(np.array(bits) <= distance):.2f}" for bits in apart.values())
        print(f"| {distance} | {sum(within):,} | {len(within) - sum(within):,} | {found} |")


def _bits(one: str, other: str) -> int:
    return (int(one, 16) ^ int(other, 16)).bit_count()


def _encoded_again(image: Image.Image) -> Image.Image:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=50)
    return Image.open(file)


def _cropped(image: Image.Image) -> Image.Image:
    x, y = max(1, image.width // 50), max(1, image.height // 50)
    return image.crop((x, y, image.width - x, image.height - y))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 50": _encoded_again,
    "90% size": lambda image: image.resize((max(1, image.width * 9 // 10), max(1, image.height * 9 // 10))),
    "10% lighter": lambda image: image.point(lambda value: min(255, value * 11 // 10)),
    "2% cropped": _cropped,
}


if __name__ == "__main__":
    main()
