// node sharp.cjs naive|once FILE PREFIX: three pipelines, as most samples have them, or one decode for all.
const sharp = require('sharp');
const fs = require('fs');
const [, , mode, file, prefix] = process.argv;
const widths = [1000, 640, 480];
sharp.cache(false);
sharp.concurrency(1);
const jpeg = { quality: 80 };
const write = (width, bytes) => fs.writeFileSync(`${prefix}-${width}.jpg`, bytes);
(async () => {
  const source = fs.readFileSync(file);
  const resize = (width) => ({ width, withoutEnlargement: true });
  if (mode === 'naive') {
    for (const width of widths) write(width, await sharp(source).rotate().resize(resize(width)).jpeg(jpeg).toBuffer());
  } else {
    const { data, info } = await sharp(source).rotate().resize(resize(1000)).raw().toBuffer({ resolveWithObject: true });
    for (const width of widths) write(width, await sharp(data, { raw: info }).resize(resize(width)).jpeg(jpeg).toBuffer());
  }
})();
