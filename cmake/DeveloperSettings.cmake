# SPDX-License-Identifier: MIT
# What our own targets are built with; nothing here reaches a user of the library.

option(DIFFUSION_SANITIZE "Build tests and examples with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

add_library(diffusion_developer INTERFACE)
target_compile_options(diffusion_developer INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False alarms of g++ 12 to 14 about the standard library, intrinsics and xtensor, once they are inlined.
  target_compile_options(diffusion_developer INTERFACE -Wno-stringop-overflow -Wno-array-bounds -Wno-restrict
                                                       -Wno-maybe-uninitialized)
endif()
if(DIFFUSION_SANITIZE)
  target_compile_options(diffusion_developer INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all
                                                       -fno-omit-frame-pointer)
  target_link_options(diffusion_developer INTERFACE -fsanitize=address,undefined)
endif()

if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_EXTENSIONS OFF)
