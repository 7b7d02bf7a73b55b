# SPDX-License-Identifier: Apache-2.0
# tflite_header: the reader of TensorFlow Lite files, made from their schema.
find_package(FlatBuffers CONFIG REQUIRED)
set(tflite_header
  ${PROJECT_BINARY_DIR}/include/detector/import/tflite/tflite_generated.h)
add_custom_command(
  OUTPUT ${tflite_header}
  COMMAND flatbuffers::flatc --cpp --gen-object-api
          -o ${PROJECT_BINARY_DIR}/include/detector/import/tflite
          ${PROJECT_SOURCE_DIR}/detector/import/tflite/tflite.fbs
  DEPENDS ${PROJECT_SOURCE_DIR}/detector/import/tflite/tflite.fbs
  VERBATIM)
