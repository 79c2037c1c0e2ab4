// Finds objects with a decoded ONNX model, in plain JavaScript (Node): the loop that tutorials write over the rows of
// readNetFromDarknet, with OpenCV.js or ONNX Runtime.
//
//   darknet-py weights convert yolov4-tiny.weights yolov4-tiny.onnx --model yolov4-tiny --decoded
//   npm install @opencvjs/node onnxruntime-node
//   node decoded_boxes.js yolov4-tiny.onnx photo.ppm [--size 416] [--thresh 0.5] [--nms 0.45] [--onnxruntime]
//
// A line for each object: class, probability, left, top, width, height. Pictures are binary PPM files.
"use strict";
const fs = require("fs");
const { loadOpenCV } = require("@opencvjs/node");

const options = { size: 416, thresh: 0.5, nms: 0.45, onnxruntime: false };
const files = [];
for (let words = process.argv.slice(2); words.length; ) {
  const word = words.shift();
  if (!word.startsWith("--")) files.push(word);
  else if (word === "--onnxruntime") options.onnxruntime = true;
  else options[word.slice(2)] = Number(words.shift());
}

function readPicture(cv, path) {
  const bytes = fs.readFileSync(path);
  const [start, width, height] = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString("latin1", 0, 60));
  const picture = new cv.Mat(Number(height), Number(width), cv.CV_8UC3);
  picture.data.set(bytes.subarray(start.length));
  return picture;
}

// The rows of each head: centre x, y, width, height (parts of the picture), objectness, a probability for each class.
async function rowsOfOnnxRuntime(model, blob, size) {
  const ort = require("onnxruntime-node");
  const session = await ort.InferenceSession.create(model);
  const input = new ort.Tensor("float32", Float32Array.from(blob.data32F), [1, 3, size, size]);
  const outputs = await session.run({ input });
  return session.outputNames.map((name) => ({ data: outputs[name].data, columns: outputs[name].dims[1] }));
}

function rowsOfOpenCV(cv, model, blob) {
  cv.FS_createDataFile("/", "model.onnx", fs.readFileSync(model), true, false, false);
  const net = cv.readNetFromONNX("/model.onnx");
  net.setInput(blob);
  const names = net.getUnconnectedOutLayersNames();
  const outputs = [...Array(names.size()).keys()].map((number) => net.forward(names.get(number)));
  return outputs.map((output) => ({ data: Float32Array.from(output.data32F), columns: output.cols }));
}

async function main([model, path]) {
  const cv = await loadOpenCV();
  const picture = readPicture(cv, path);
  const size = options.size;
  // The picture is RGB already, as the network's input is: no channels are swapped.
  const blob = cv.blobFromImage(picture, 1 / 255, new cv.Size(size, size), new cv.Scalar(0, 0, 0), false, false);
  const heads = options.onnxruntime ? await rowsOfOnnxRuntime(model, blob, size) : rowsOfOpenCV(cv, model, blob);
  const found = [];
  for (const { data, columns } of heads) {
    for (let at = 0; at < data.length; at += columns) {
      const [x, y, w, h] = data.subarray(at, at + 4);
      const scores = data.subarray(at + 5, at + columns);
      const best = scores.reduce((most, score, number) => (score > scores[most] ? number : most), 0);
      if (scores[best] <= options.thresh) continue;
      const [width, height] = [w * picture.cols, h * picture.rows];
      const [left, top] = [x * picture.cols - width / 2, y * picture.rows - height / 2];
      found.push({ best, score: scores[best], left, top, width, height });
    }
  }
  for (const one of suppressed(found)) {
    const box = [one.left, one.top, one.width, one.height].map((value) => value.toFixed(1));
    console.log(one.best, one.score.toFixed(4), ...box);
  }
}

// Non-maximum suppression, class by class.
function suppressed(found) {
  const overlap = (a, b, at, length) =>
    Math.max(0, Math.min(a[at] + a[length], b[at] + b[length]) - Math.max(a[at], b[at]));
  const kept = [];
  for (const one of found.sort((a, b) => b.score - a.score)) {
    const covered = kept.some((other) => {
      const shared = overlap(one, other, "left", "width") * overlap(one, other, "top", "height");
      const union = one.width * one.height + other.width * other.height - shared;
      return other.best === one.best && shared / union > options.nms;
    });
    if (!covered) kept.push(one);
  }
  return kept;
}

main(files).catch((error) => {
  console.error(String(error));
  process.exit(1);
});
