# SPDX-License-Identifier: Apache-2.0

# The firmware of the STM32H7 board that OCELLUS_BOARD names, a folder below
# boards/.
# The one place that chooses the kernels: the function that names them.
set(OCELLUS_BACKEND ocellus::CortexM7Backend CACHE STRING "Kernels")
set(OCELLUS_MODEL ${PROJECT_SOURCE_DIR}/detector/models/voc_h7.ocellus
  CACHE FILEPATH "Compiled model that is linked into the firmware")
# ArenaUse::scratch_bytes; 22,016 for voc_h7.
set(OCELLUS_SCRATCH_BYTES 49152 CACHE STRING
  "What the kernels want of the arena besides activations")

# read_le32(VARIABLE FILE OFFSET): a little-endian number in a file.
function(read_le32 variable file offset)
  file(READ ${file} hex OFFSET ${offset} LIMIT 4 HEX)
  string(REGEX REPLACE "(..)(..)(..)(..)" "\\4\\3\\2\\1" hex "${hex}")
  math(EXPR value "0x${hex}")
  set(${variable} ${value} PARENT_SCOPE)
endfunction()

# The arena as the executor lays it out (ArenaUse in runtime/executor.h):
# header.arena_bytes, scratch, two pointers for each operator; each rounded up
# to 64. Too little is found out at the start, and said.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${OCELLUS_MODEL})
read_le32(activation_bytes ${OCELLUS_MODEL} 20)
read_le32(op_count ${OCELLUS_MODEL} 36)
math(EXPR arena_bytes "(${activation_bytes} + 63) / 64 * 64 + \
(${OCELLUS_SCRATCH_BYTES} + 63) / 64 * 64 + (${op_count} * 8 + 63) / 64 * 64")

# Rows of the input on their way from the camera: all of them if they fit beside
# the bands of the camera.
read_le32(tensors_offset ${OCELLUS_MODEL} 24)
read_le32(input_h ${OCELLUS_MODEL} ${tensors_offset})
math(EXPR w_offset "${tensors_offset} + 4")
read_le32(input_w ${OCELLUS_MODEL} ${w_offset})
math(EXPR rows_bytes "${input_h} * ${input_w} * 3")
set(most_rows_bytes 270000)
if(rows_bytes GREATER most_rows_bytes)
  set(rows_bytes ${most_rows_bytes})
endif()

string(REPLACE "_" "-" firmware ocellus-${OCELLUS_BOARD})
add_executable(${firmware}
  app/main.cpp
  app/model.S
  boards/${OCELLUS_BOARD}/board.cpp
  stm32h7/camera_port.cpp
  stm32h7/clock.cpp
  stm32h7/common_board.cpp
  stm32h7/core.cpp
  stm32h7/fault.cpp
  stm32h7/gpio.cpp
  stm32h7/i2c.cpp
  stm32h7/startup.cpp
  stm32h7/temperature.cpp
  stm32h7/timer_clock.cpp
  stm32h7/uart.cpp
  stm32h7/watchdog.cpp)
set_target_properties(${firmware} PROPERTIES SUFFIX .elf)
set_property(SOURCE app/model.S APPEND PROPERTY OBJECT_DEPENDS ${OCELLUS_MODEL})
set_property(SOURCE app/model.S APPEND PROPERTY
  COMPILE_DEFINITIONS OCELLUS_MODEL="${OCELLUS_MODEL}")
target_compile_definitions(${firmware} PRIVATE
  OCELLUS_ARENA_BYTES=${arena_bytes}
  OCELLUS_ROWS_BYTES=${rows_bytes}
  OCELLUS_BACKEND=${OCELLUS_BACKEND})
target_link_libraries(${firmware} PRIVATE
  ocellus::firmware_app ocellus_warnings ocellus_embedded)
# On bare metal a register is an integer that becomes a pointer.
target_compile_options(${firmware} PRIVATE
  $<$<COMPILE_LANGUAGE:CXX>:-fno-unwind-tables -fno-asynchronous-unwind-tables>)
set(board_ld ${CMAKE_CURRENT_SOURCE_DIR}/boards/${OCELLUS_BOARD}/board.ld)
target_link_options(${firmware} PRIVATE
  -nostartfiles --specs=nano.specs -T ${board_ld}
  -L ${CMAKE_CURRENT_SOURCE_DIR}/stm32h7
  -Wl,--gc-sections -Wl,-Map=$<TARGET_FILE:${firmware}>.map)
set_target_properties(${firmware} PROPERTIES
  LINK_DEPENDS "${board_ld};${CMAKE_CURRENT_SOURCE_DIR}/stm32h7/stm32h7.ld")
add_custom_command(TARGET ${firmware} POST_BUILD
  COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:${firmware}>
    $<TARGET_FILE_DIR:${firmware}>/${firmware}.bin
  COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/memory_report.sh
    $<TARGET_FILE:${firmware}>
  VERBATIM)
