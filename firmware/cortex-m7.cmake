# SPDX-License-Identifier: Apache-2.0
# Toolchain: Debian's gcc-arm-none-eabi for a Cortex-M7 with FPv5-D16.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR cortex-m7)
set(CMAKE_C_COMPILER arm-none-eabi-gcc)
set(CMAKE_CXX_COMPILER arm-none-eabi-g++)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(cortex_m7_flags
  "-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard \
-ffunction-sections -fdata-sections")
set(CMAKE_C_FLAGS_INIT "${cortex_m7_flags}")
set(CMAKE_CXX_FLAGS_INIT "${cortex_m7_flags}")
set(CMAKE_ASM_COMPILER arm-none-eabi-gcc)
set(CMAKE_ASM_FLAGS_INIT "${cortex_m7_flags}")
