// SPDX-License-Identifier: MIT
// The version of the library; CMakeLists.txt reads it from here. Random streams and table values are part of what a
// major version promises.
#pragma once

#define DIFFUSION_VERSION_MAJOR 0
#define DIFFUSION_VERSION_MINOR 1
#define DIFFUSION_VERSION_PATCH 0
