#!/usr/bin/env python3
"""Prints what three JPEG copies of an image cost here and elsewhere: processor time and peak memory of whole processes,
and how close the copies are to an exact Lanczos resampling of the full image (SSIM of the brightness).

    compare.py PROGRAM SHARP_FOLDER [PHOTO...]

Without photos it makes its own of 2, 12, 24 and 48 megapixels. A tool that is not installed is left out.
"""
import json, os, shutil, statistics, subprocess, sys, tempfile
import numpy as np
from PIL import Image, ImageOps
from skimage.metrics import structural_similarity

Image.MAX_IMAGE_PIXELS = None
WIDTHS = [1000, 640, 480]
ROUNDS = int(os.environ.get("ROUNDS", "7"))
here = os.path.dirname(os.path.abspath(__file__))


def photos(folder, sources):
    """Camera-like images: real photos side by side at full sharpness where there are any, else shapes and texture."""
    random = np.random.default_rng(1)
    tiles = [np.asarray(Image.open(source).convert("RGB")) for source in sources]
    if not tiles:
        from skimage import data
        tiles = [np.asarray(Image.fromarray(tile)) for tile in (data.astronaut(), data.coffee(), data.chelsea())]
    for name, width, height in [("2 MP", 1920, 1080), ("12 MP", 4000, 3000), ("24 MP", 6000, 4000), ("48 MP", 8064, 6048)]:
        canvas = np.zeros((height, width, 3), np.uint8)
        y, number = 0, 0
        while y < height:
            x, row = 0, tiles[number % len(tiles)].shape[0]
            while x < width:
                tile = tiles[number % len(tiles)]
                # Every other one mirrored, so that edges meet less often.
                tile = tile[:, ::-1] if number % 2 else tile
                part = tile[: min(row, height - y), : width - x]
                canvas[y : y + part.shape[0], x : x + part.shape[1]] = part
                x, number = x + tile.shape[1], number + 1
            y += row
        noisy = canvas + random.normal(0, 3.5, canvas.shape)
        path = os.path.join(folder, f"{name.split()[0]}.jpg")
        Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8)).save(path, quality=92, subsampling=2)
        yield name, path


# A process of its own, and a small one: what it starts is born with its size, and that counts as their peak.
MEASURE = """
import json, os, subprocess, sys
seconds, peak = 0.0, 0
for command, environment in json.loads(sys.argv[1]):
    process = subprocess.Popen(command, env=os.environ | environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        sys.exit(f"{command} failed")
    seconds += used.ru_utime + used.ru_stime
    peak = max(peak, used.ru_maxrss)
print(json.dumps([seconds, peak / 1024]))
"""


def measure(commands):
    """Processor seconds of the commands together, and the largest peak of one in MiB."""
    ran = subprocess.run([sys.executable, "-S", "-c", MEASURE, json.dumps(commands)], stdout=subprocess.PIPE, check=True)
    return json.loads(ran.stdout)


def references(path):
    image = ImageOps.exif_transpose(Image.open(path)).convert("RGB")
    weights = np.array([0.299, 0.587, 0.114])
    found = {}
    for width in WIDTHS:
        height = int(image.size[1] * width / image.size[0] + 0.5)
        bands = [np.asarray(Image.fromarray(np.asarray(band, np.float32)).resize((width, height), Image.LANCZOS)) for band in image.split()]
        found[width] = np.clip(np.stack(bands, -1), 0, 255) @ weights
    return found


def quality(prefix, expected):
    row = []
    for width in WIDTHS:
        found = np.asarray(Image.open(f"{prefix}-{width}.jpg").convert("RGB"), np.float64) @ np.array([0.299, 0.587, 0.114])
        if found.shape != expected[width].shape:
            row.append("-")
            continue
        row.append("%.4f" % structural_similarity(found, expected[width], data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False))
    return row


def main():
    program, sharp, *sources = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        print(f"| image | tool | CPU ms | times ours | peak MiB | SSIM {' '.join(map(str, WIDTHS))} |")
        print("| --- | --- | --- | --- | --- | --- |")
        for name, path in photos(folder, sources):
            out = os.path.join(folder, "out")
            tools = {"resize-images": [([program, path, out], {})]}
            if shutil.which("vipsthumbnail"):
                one = {"VIPS_CONCURRENCY": "1"}
                tools["3 x vipsthumbnail"] = [(["vipsthumbnail", path, "--size", f"{width}x100000>", "-o", f"{out}-{width}.jpg[Q=80,strip]"], one) for width in WIDTHS]
            if os.path.isdir(os.path.join(sharp, "node_modules", "sharp")):
                node = {"NODE_PATH": os.path.join(sharp, "node_modules")}
                for mode in ("naive", "once"):
                    tools[f"sharp, {mode}"] = [(["node", os.path.join(here, "sharp.cjs"), mode, path, out], node)]
            expected = references(path)
            ours = None
            for tool, commands in tools.items():
                runs = [measure(commands) for _ in range(ROUNDS)]
                seconds, peak = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
                ours = ours or seconds
                print(f"| {name} | {tool} | {seconds * 1000:.0f} | {seconds / ours:.1f} | {peak:.0f} | {' '.join(quality(out, expected))} |", flush=True)


main()
