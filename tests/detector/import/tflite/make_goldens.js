// SPDX-License-Identifier: Apache-2.0
//
// Runs TensorFlow Lite models on given inputs with the TensorFlow Lite build
// inside the npm package @tensorflow/tfjs-tflite, and prints the CRC-32 of the
// bytes of all outputs, one line a model: its name, then one sum an input.
//
//   node make_goldens.js PACKAGE_DIR CASES_DIR [DUMP_DIR]
//
// CASES_DIR holds NAME.tflite and NAME.inputs (the inputs' bytes, one after
// another). Byte-for-byte outputs go to DUMP_DIR/NAME.outputs if given.
'use strict';
const fs = require('fs');
const path = require('path');

const table = new Uint32Array(256).map((_, n) => {
  for (let k = 0; k < 8; ++k) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n >>> 0;
});
function crc32(buffers) {
  let crc = 0xffffffff;
  for (const bytes of buffers) {
    for (const byte of bytes) crc = table[(crc ^ byte) & 255] ^ (crc >>> 8);
  }
  return (~crc) >>> 0;
}

function bytesOf(array) {
  return Buffer.from(array.buffer, array.byteOffset, array.byteLength);
}

async function main() {
  const [packageDir, casesDir, dumpDir] = process.argv.slice(2);
  const wasm = path.join(packageDir, 'wasm', 'tflite_web_api_cc_simd');
  const silent = () => {};
  const runtime = await require(path.resolve(wasm + '.js'))(
      {wasmBinary: fs.readFileSync(wasm + '.wasm'), print: silent,
       printErr: silent});
  const names = fs.readdirSync(casesDir).filter(f => f.endsWith('.tflite'))
                    .map(f => f.slice(0, -'.tflite'.length));
  names.sort();
  for (const name of names) {
    const file = fs.readFileSync(path.join(casesDir, name + '.tflite'));
    const address = runtime._malloc(file.length);
    runtime.HEAPU8.set(file, address);
    const created = runtime.TFLiteWebModelRunner.CreateFromBufferAndOptions(
        address, file.length,
        {numThreads: 1, enableProfiling: false,
         maxProfilingBufferEntries: 1024});
    if (!created.ok()) {
      console.log(name, 'refused:', created.errorMessage());
      continue;
    }
    const runner = created.value();
    const input = runner.GetInputs().get(0);
    const size = bytesOf(input.data()).length;
    const inputs = fs.readFileSync(path.join(casesDir, name + '.inputs'));
    if (inputs.length % size !== 0) throw Error(name + ': inputs do not fit');
    const sums = [];
    const dumps = [];
    for (let at = 0; at < inputs.length; at += size) {
      bytesOf(input.data()).set(inputs.subarray(at, at + size));
      if (!runner.Infer()) throw Error(name + ': failed');
      const outputs = runner.GetOutputs();
      const buffers = [];
      for (let i = 0; i < outputs.size(); ++i) {
        buffers.push(Buffer.from(bytesOf(outputs.get(i).data())));
      }
      sums.push(crc32(buffers).toString(16).padStart(8, '0'));
      dumps.push(...buffers);
    }
    if (dumpDir) {
      fs.writeFileSync(path.join(dumpDir, name + '.outputs'),
                       Buffer.concat(dumps));
    }
    console.log(name, sums.join(' '));
    runner.cleanUp && runner.cleanUp();
    runtime._free(address);
  }
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
